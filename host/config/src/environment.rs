//! The variables that a manifest may refer to: those of the process, and behind them those of a file beside the manifest.
//!
//! `.componentd/env` in the manifest's folder has a `NAME=value` a line. `cargo xtask up` writes it, so that every command
//! finds the servers that were started for it. With a line `COMPONENTD_ENV_OWNER=<process id>` the file counts only for as
//! long as that process runs.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use rustix::process::{Pid, test_kill_process};
use tracing::{debug, warn};

use super::{ConfigError, Place};

const FILE: &str = ".componentd/env";
const OWNER: &str = "COMPONENTD_ENV_OWNER";

/// Variables by name.
pub(super) struct Environment {
    file: BTreeMap<String, String>,
}

impl Environment {
    /// What a manifest in this folder refers to.
    ///
    /// # Errors
    /// There is a file, but it cannot be read.
    pub(super) fn beside(manifest: &Path) -> Result<Self, ConfigError> {
        let path = manifest.with_file_name(FILE);
        let mut file = read(&path)?;
        let owner = file.remove(OWNER);
        if owner.as_deref().is_some_and(|owner| !runs(owner)) {
            let what = "is not used: what wrote it has ended, and its servers with it; remove the file";
            warn!("{} {what}", path.display());
            file.clear();
        }
        if !file.is_empty() {
            let names: Vec<_> = file.keys().map(String::as_str).collect();
            debug!("{} has variables for the manifest: {}", path.display(), names.join(", "));
        }
        Ok(Self { file })
    }

    /// That of the process comes first. As in a manifest, an empty one counts as unset.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        variable(name).or_else(|| self.file.get(name).cloned())
    }
}

/// A variable of the process that is set and not empty.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The variables of the file; none where there is none.
fn read(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(BTreeMap::new()),
        Err(e) => {
            let mend = "it has variables for the manifest beside it; make it readable for this user, or remove it";
            return Err(error(path, None, format!("cannot be read: {e}; {mend}")));
        }
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|(index, line)| {
            let named = line.split_once('=').filter(|(name, _)| is_name(name));
            let (name, value) = named.ok_or_else(|| {
                let what = "is no variable: write NAME=value, or # and a comment".to_owned();
                error(path, Some(index + 1), what)
            })?;
            Ok((name.to_owned(), value.trim_end().to_owned()))
        })
        .collect()
}

/// Whether text can be the name of a variable.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The value may be a secret, so the line itself is not shown.
fn error(path: &Path, line: Option<usize>, reason: String) -> ConfigError {
    ConfigError { place: Place { line, ..Place::file(path) }, reason }
}

/// Whether a process with this id is there, whoever's it is.
fn runs(process: &str) -> bool {
    let process = process.parse().ok().and_then(Pid::from_raw);
    process.is_some_and(|process| test_kill_process(process) != Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beside(text: &str) -> Result<Environment, ConfigError> {
        let folder = std::env::temp_dir().join(format!("componentd-env-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(folder.join(".componentd")).unwrap();
        std::fs::write(folder.join(FILE), text).unwrap();
        let environment = Environment::beside(&folder.join("componentd.toml"));
        std::fs::remove_dir_all(folder).unwrap();
        environment
    }

    #[test]
    fn values_are_taken_as_they_stand() {
        let file = beside("# Written by hand.\n\nSOME_URL=redis://:a=b#c@host/1?d=\"e\"\nNONE=\n").unwrap();
        assert_eq!(file.get("SOME_URL").unwrap(), "redis://:a=b#c@host/1?d=\"e\"");
        assert_eq!((file.get("NONE").as_deref(), file.get("OTHER")), (Some(""), None));
    }

    #[test]
    fn the_process_comes_first() {
        let file = beside("PATH=nowhere\n").unwrap();
        assert_eq!(file.get("PATH"), std::env::var("PATH").ok());
    }

    #[test]
    fn a_file_counts_while_its_owner_runs() {
        let owned = |owner: &str| beside(&format!("{OWNER}={owner}\nSOME_URL=x\n")).unwrap().get("SOME_URL");
        assert_eq!(owned(&std::process::id().to_string()).as_deref(), Some("x"));
        // The largest that Linux gives is 2^22.
        assert_eq!((owned("2147483647"), owned("nobody")), (None, None));
    }

    #[test]
    fn a_line_that_is_none_is_named_without_its_text() {
        let said = beside("A=b\nsecret\n").err().unwrap().to_string();
        assert!(said.contains("/.componentd/env:2: is no variable") && !said.contains("secret"), "{said}");
    }
}
