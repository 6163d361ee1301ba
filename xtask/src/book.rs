//! `cargo xtask book`: makes the book of `docs/`.

use std::process::Command;

use anyhow::{Context, Result};

use crate::project::step;
use crate::{build, tools};

const VERSION: &str = "0.5.4";

/// Into `target/book/`. mdBook is installed if it is not there.
pub fn run() -> Result<()> {
    if tools::installed("mdbook").is_none() {
        // Without its web server and its search: pages are all that is wanted.
        build::run(tools::installation("mdbook", VERSION).args(["--debug", "--no-default-features"]))?;
    }
    let mdbook = tools::installed("mdbook").context("cargo has installed mdbook elsewhere")?;
    build::run(Command::new(mdbook).args(["build", "docs"]))?;
    step("the book is target/book/index.html");
    Ok(())
}
