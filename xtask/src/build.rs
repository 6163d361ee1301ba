//! Runs cargo, its progress on the terminal, and asks rustc.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::child;
use crate::project::{root, step};

/// `cargo` with these arguments, in the root.
pub fn cargo<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Result<()> {
    run(command().args(arguments))
}

/// The cargo that runs us.
pub fn command() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// What rustc prints.
pub fn rustc<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(arguments).current_dir(root()).output().context("cannot run rustc")?;
    if !output.status.success() {
        bail!("rustc failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// `cargo run` tells us about the package xtask; passed on, that would be news to build scripts which look at such
/// variables (ring's does), and they would run again, with all that depends on them.
fn forget_xtask(command: &mut Command) {
    let ours = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
    for (name, _) in std::env::vars_os() {
        if ours.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes())) {
            command.env_remove(name);
        }
    }
}

/// Shows a command, runs it in the root, and insists that it succeeds.
pub fn run(command: &mut Command) -> Result<()> {
    run_in(root(), command)
}

/// The same, in another folder.
pub fn run_in(folder: &Path, command: &mut Command) -> Result<()> {
    let text = text(command);
    step(&text);
    forget_xtask(command);
    let status = child::spawn_in_foreground(command.current_dir(folder))?.wait()?;
    if !status.success() {
        bail!("`{text}` failed ({status})");
    }
    Ok(())
}

fn text(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args()).map(OsStr::to_string_lossy);
    // A script is not worth showing; its arguments are.
    words.filter(|word| !word.contains('\n')).collect::<Vec<_>>().join(" ")
}
