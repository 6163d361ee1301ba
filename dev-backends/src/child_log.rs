//! What a child prints: kept in a file of its last run.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Enough of a log to see why a server did not start.
const TAIL_LINES: usize = 20;

/// A log file beside the data.
#[derive(Clone, Debug)]
pub struct ChildLog(PathBuf);

impl ChildLog {
    /// The log `name` in `folder`.
    pub fn new(folder: &Path, name: &str) -> Self {
        Self(folder.join(name).with_extension("log"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Lets `command` write to it, from the start.
    pub fn attach(&self, command: &mut Command) -> io::Result<()> {
        let file = File::create(&self.0)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        Ok(())
    }

    /// Its last lines.
    pub fn tail(&self) -> String {
        let bytes = fs::read(&self.0).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}
