//! The other build: `cargo component`, which plugin authors may use as well.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::build;
use crate::components::collect;
use crate::project::{COMPONENTS, find, target, variable};

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
        install()?;
    }
    build()
}

/// In PATH, or installed here before.
fn installed() -> Option<PathBuf> {
    find("cargo-component").or_else(|| Some(tools().join("bin/cargo-component")).filter(|file| file.is_file()))
}

/// Below `target/`, so that it is cached with it and the user's own tools stay as they are.
fn install() -> Result<()> {
    let mut command = Command::new("cargo");
    command.args(["install", "cargo-component", "--locked", "--debug", "--version", VERSION, "--root"]);
    build::run(command.arg(tools()).env("CARGO_TARGET_DIR", tools().join("build")))
}

fn tools() -> PathBuf {
    target().join("tools")
}
