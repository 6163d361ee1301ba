//! The files that are ours.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folders with what others made: cargo, git, the servers, and bindings generated from WIT.
const NOT_OURS: &[&str] = &["target", ".git", ".componentd", "bindings.rs", "node_modules"];

/// Rust and Markdown, sorted.
pub fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        match (entry.path(), entry.file_type()?) {
            (path, _) if is_foreign(&path) => {}
            (path, kind) if kind.is_dir() => found.extend(below(&path)?),
            (path, _) if is(&path, "rs") || is(&path, "md") => found.push(path),
            _ => {}
        }
    }
    found.sort();
    Ok(found)
}

/// Whether its name ends so.
pub fn is(path: &Path, extension: &str) -> bool {
    path.extension() == Some(OsStr::new(extension))
}

/// `bindings.rs` is one of ours in the crates of the host, where nothing is generated into the tree.
fn is_foreign(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let is_of_host = name == "bindings.rs" && path.components().any(|part| part.as_os_str() == "host");
    NOT_OURS.contains(&name) && !is_of_host
}
