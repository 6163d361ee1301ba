//! Rust files: a module doc each, short, and finished.

use std::ffi::OsStr;
use std::path::Path;

use super::Finding;

/// One noun a file does not need more.
const MAX_LINES: usize = 400;
/// Parse, start, wait, drain.
const MAX_MAIN_LINES: usize = 100;
/// In two parts, so that this file has none.
const UNFINISHED: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// What is wrong with the file.
pub fn check(path: &Path, text: &str) -> Vec<Finding> {
    let checks = [module_doc(text), too_long(path, text)];
    checks.into_iter().flatten().chain(unfinished(text)).collect()
}

fn module_doc(text: &str) -> Option<Finding> {
    let missing = "begin with a module doc: `//! What this file is.`";
    (!text.starts_with("//!")).then(|| (1, missing.to_owned()))
}

fn too_long(path: &Path, text: &str) -> Option<Finding> {
    let limit = if path.file_name() == Some(OsStr::new("main.rs")) { MAX_MAIN_LINES } else { MAX_LINES };
    let lines = text.lines().count();
    (lines > limit).then(|| (limit + 1, format!("{lines} lines, at most {limit}: split it by its nouns")))
}

fn unfinished(text: &str) -> impl Iterator<Item = Finding> {
    let marks = |line: &str| UNFINISHED.iter().find(|mark| line.contains(**mark)).copied();
    let lines = text.lines().enumerate();
    lines.filter_map(move |(index, line)| Some((index + 1, format!("{}: do it, or open an issue", marks(line)?))))
}
