//! A copy of the project, as a user with a strict umask has it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::engine::output;
use crate::project::root;

/// Nobody but the owner may look: umask 077.
const FOLDER: u32 = 0o700;
const FILE: u32 = 0o600;
const EXECUTABLE: u32 = 0o100;

/// Its folder.
pub struct Clone(PathBuf);

impl Clone {
    /// Copies what git keeps, or would, with what has changed since.
    pub fn make(folder: &Path) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        let mut list = Command::new("git");
        list.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root());
        let clone = Self(folder.to_owned());
        for name in output(&mut list)?.lines() {
            clone.copy(name).with_context(|| format!("cannot copy {name} to {}", folder.display()))?;
        }
        Ok(clone)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file that only its owner may read.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let write = || -> std::io::Result<()> { self.create(name, FILE)?.write_all(text.as_bytes()) };
        write().with_context(|| format!("cannot write {name}"))
    }

    /// Replaces `old`, which must be there.
    pub fn edit(&self, name: &str, old: &str, new: &str) -> Result<()> {
        let text = fs::read_to_string(self.0.join(name)).with_context(|| format!("cannot read {name}"))?;
        anyhow::ensure!(text.contains(old), "there is no `{old}` in {name}");
        self.write(name, &text.replace(old, new))
    }

    /// Each file and folder in one of its folders, with who owns it.
    pub fn list(&self, folder: &str) -> Result<String> {
        output(Command::new("find").arg(folder).args(["-printf", "%p %u\\n"]).current_dir(&self.0))
    }

    fn copy(&self, name: &str) -> Result<()> {
        let (from, to) = (root().join(name), self.0.join(name));
        let kind = match from.symlink_metadata() {
            Ok(metadata) => metadata,
            // Git still has it, and the work tree does not.
            Err(_) => return Ok(()),
        };
        if kind.is_symlink() {
            self.make_folder_of(&to)?;
            return Ok(std::os::unix::fs::symlink(fs::read_link(&from)?, &to)?);
        }
        let mut file = self.create(name, FILE | kind.permissions().mode() & EXECUTABLE)?;
        file.write_all(&fs::read(&from)?)?;
        // Cargo goes by it: what was built before from this very file is not built again. Of components there may be a
        // later build, by a check that has edited them.
        if !name.starts_with("components/") {
            file.set_modified(kind.modified()?)?;
        }
        Ok(())
    }

    fn create(&self, name: &str, mode: u32) -> std::io::Result<fs::File> {
        let path = self.0.join(name);
        self.make_folder_of(&path)?;
        OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)
    }

    fn make_folder_of(&self, path: &Path) -> std::io::Result<()> {
        DirBuilder::new().recursive(true).mode(FOLDER).create(path.parent().unwrap_or(&self.0))
    }
}
