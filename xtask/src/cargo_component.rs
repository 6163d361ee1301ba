//! The other build: `cargo component`, which plugin authors may use as well.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::components::collect;
use crate::project::{COMPONENTS, target, variable};
use crate::{build, tools};

/// The last release; its output is a `wasm32-wasip1` build with the 0.1 adapter.
const VERSION: &str = "0.21.1";
const TARGET: &str = "wasm32-wasip1";

/// Builds the store's components into `target/cargo-component/`.
pub fn build() -> Result<()> {
    crate::setup::wasm_target(TARGET)?;
    // Its lock file and profile are those of the workspace; its build is apart, so that neither build undoes the other.
    let folder = target().join("cargo-component");
    let packages = COMPONENTS.iter().flat_map(|package| ["--package", package]);
    let mut command = Command::new(installed().unwrap_or_else(|| "cargo-component".into()));
    command.args(["component", "build", "--release", "--target", TARGET]).args(packages);
    build::run(command.env("CARGO_TARGET_DIR", folder.join("build")))?;
    let built = folder.join("build").join(TARGET).join("release");
    collect(&built, COMPONENTS.iter().map(|name| (*name, *name)), &folder)
}

/// Builds with it where the tool is; CI installs it, others are told.
pub fn build_if_wanted() -> Result<()> {
    let asked = variable("COMPONENTD_CARGO_COMPONENT").is_some() || variable("CI").is_some();
    if installed().is_none() && !asked {
        eprintln!("xtask: cargo-component is not installed: its builds are not tested");
        return Ok(());
    }
    if installed().is_none() {
        build::run(tools::installation("cargo-component", VERSION).arg("--debug"))?;
    }
    build()
}

fn installed() -> Option<PathBuf> {
    tools::installed("cargo-component")
}
