//! `.componentd/env`: the variables of the store's manifest while `up` runs, for the commands of `componentd`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::backends::Environment;
use crate::project::{root, variable};

/// The file counts for as long as this process runs, also where it is killed and leaves the file behind.
const OWNER: &str = "COMPONENTD_ENV_OWNER";

/// The file; removed when this is dropped.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    text: String,
}

impl File {
    /// Writes what the host gets: the variables of `started`, and those of ours that the manifest names.
    pub fn write(started: &Environment) -> Result<Self> {
        let manifest = fs::read_to_string(root().join("componentd.toml")).context("cannot read componentd.toml")?;
        let ours = names(&manifest).filter_map(|name| Some((name.to_owned(), variable(name)?)));
        let all: BTreeMap<String, String> = ours.chain(started.iter().cloned()).collect();
        Self::write_to(root().join(".componentd/env"), &all)
    }

    fn write_to(path: PathBuf, variables: &BTreeMap<String, String>) -> Result<Self> {
        let lines = variables.iter().map(|(name, value)| format!("{name}={value}\n"));
        let head = "# Written by `cargo xtask up`, for the commands of componentd; it goes when `up` ends.\n";
        let text = format!("{head}{OWNER}={}\n{}", std::process::id(), lines.collect::<String>());
        replace(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path, text })
    }
}

impl Drop for File {
    /// Another `up` may have written its own in between.
    fn drop(&mut self) {
        if fs::read_to_string(&self.path).is_ok_and(|found| found == self.text) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// All at once, and never readable by others: it has passwords.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    let part = path.with_extension("part");
    let _ = fs::remove_file(&part);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&part, path)
}

/// The variables that a manifest refers to, as `${NAME}` or `${NAME:-default}`.
fn names(manifest: &str) -> impl Iterator<Item = &str> {
    manifest.split("${").skip(1).filter_map(|rest| rest.split(['}', ':']).next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn every_variable_of_a_manifest_is_found() {
        let manifest = "a = \"${ONE}\"\nb = \"${TWO:-x}/${THREE:-}\" # ${FOUR}\n";
        assert_eq!(names(manifest).collect::<Vec<_>>(), ["ONE", "TWO", "THREE", "FOUR"]);
    }

    #[test]
    fn the_file_is_private_and_goes_with_its_writer() {
        let path = std::env::temp_dir().join(format!("xtask-env-{}", std::process::id()));
        let variables = BTreeMap::from([("A_URL".to_owned(), "redis://:x=y@h".to_owned())]);
        let file = File::write_to(path.clone(), &variables).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with(&format!("\n{OWNER}={}\nA_URL=redis://:x=y@h\n", std::process::id())), "{text}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(file);
        assert!(!path.exists());
        let file = File::write_to(path.clone(), &variables).unwrap();
        fs::write(&path, "another's").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "another's");
        fs::remove_file(&path).unwrap();
    }
}
