//! The book: every page can be found.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The pages of `docs/src` that its table of contents does not name.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let pages = root.join("docs/src");
    if !pages.is_dir() {
        return Ok(Vec::new());
    }
    let contents = pages.join("SUMMARY.md");
    let contents = fs::read_to_string(&contents).with_context(|| format!("cannot read {}", contents.display()))?;
    let mut findings = Vec::new();
    for entry in fs::read_dir(&pages).with_context(|| format!("cannot list {}", pages.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") && name != "SUMMARY.md" && !contents.contains(&format!("({name})")) {
            findings.push(format!("docs/src/{name}:1: SUMMARY.md does not name this page"));
        }
    }
    Ok(findings)
}
