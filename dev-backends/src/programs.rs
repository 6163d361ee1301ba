//! Finds the servers that the distribution installs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Where Debian keeps the servers of each major version, out of PATH.
const POSTGRES_VERSIONS: &str = "/usr/lib/postgresql";

/// `name` in PATH.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The folders with a Postgres server, the newest of Debian's first, PATH last.
pub fn postgres_folders() -> Vec<PathBuf> {
    let mut versions: Vec<_> = subfolders(Path::new(POSTGRES_VERSIONS));
    versions.sort_by_key(|folder| std::cmp::Reverse(major(folder)));
    let bins = versions.into_iter().map(|folder| folder.join("bin"));
    let in_path = find("postgres").and_then(|file| file.canonicalize().ok()?.parent().map(Path::to_owned));
    bins.chain(in_path).filter(|bin| bin.join("postgres").is_file() && bin.join("initdb").is_file()).collect()
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn major(folder: &Path) -> u32 {
    folder.file_name().and_then(OsStr::to_str).and_then(|name| name.parse().ok()).unwrap_or_default()
}
