//! Programs that cargo installs for us, below `target/`: cached with it, and the user's own stay as they are.

use std::path::PathBuf;
use std::process::Command;

use crate::build;
use crate::project::{find, target};

/// In PATH, or installed here before.
pub fn installed(name: &str) -> Option<PathBuf> {
    find(name).or_else(|| Some(ours(name)).filter(|file| file.is_file()))
}

/// Where [`installation`] puts a program.
pub fn ours(name: &str) -> PathBuf {
    programs().join(name)
}

/// The folder of these programs.
pub fn programs() -> PathBuf {
    folder().join("bin")
}

/// `cargo install` of this version of a package; the caller adds features and the profile.
pub fn installation(package: &str, version: &str) -> Command {
    let mut command = build::command();
    command.args(["install", package, "--locked", "--version", version, "--root"]).arg(folder());
    command.env("CARGO_TARGET_DIR", folder().join("build"));
    command
}

fn folder() -> PathBuf {
    target().join("tools")
}
