//! What happened and when: a line each in a file, and the times of the faults for the account.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::fault::Fault;

/// Shared by all who have something to say.
#[derive(Debug)]
pub struct Chronicle(Mutex<State>);

#[derive(Debug)]
struct State {
    file: File,
    spans: Vec<Span>,
    wrong: Vec<String>,
}

/// A fault, from its beginning to the moment when all was well again.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub fault: Fault,
    pub from: SystemTime,
    pub to: SystemTime,
}

impl Chronicle {
    /// Writes to `path`.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(Mutex::new(State { file, spans: Vec::new(), wrong: Vec::new() })))
    }

    /// A line with the time.
    pub fn note(&self, line: &str) {
        let now = humantime::format_rfc3339_millis(SystemTime::now());
        // The disk of the log is not one of those that are filled; and without its log a run is still worth its ledger.
        let _ = writeln!(self.state().file, "{now} {line}");
    }

    /// A fault that is over.
    pub fn fault(&self, fault: Fault, from: SystemTime) {
        self.state().spans.push(Span { fault, from, to: SystemTime::now() });
    }

    /// What must not happen at any time: an exit that nobody asked for, say.
    pub fn wrong(&self, what: String) {
        self.note(&format!("WRONG: {what}"));
        self.state().wrong.push(what);
    }

    /// All faults so far.
    pub fn spans(&self) -> Vec<Span> {
        self.state().spans.clone()
    }

    /// All that must not happen.
    pub fn wrongs(&self) -> Vec<String> {
        self.state().wrong.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
