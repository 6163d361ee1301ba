//! `cargo xtask reference`: the page of the book that the host's types are the source of.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::build;
use crate::project::{root, step, target};

const PAGE: &str = "docs/src/manifest.md";

/// Writes what the host prints; a test of the host compares the two.
pub fn run() -> Result<()> {
    build::cargo(["build", "--package", "componentd"])?;
    let printed = Command::new(target().join("debug/componentd")).args(["schema", "--reference"]).output()?;
    if !printed.status.success() {
        bail!("the host does not print it: {}", String::from_utf8_lossy(&printed.stderr));
    }
    let page = String::from_utf8(printed.stdout).context("the host prints text")?;
    fs::write(root().join(PAGE), page).with_context(|| format!("cannot write {PAGE}"))?;
    step(PAGE);
    Ok(())
}
