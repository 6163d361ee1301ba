//! `cargo xtask release`: the host as it ships, optimised for what `cargo xtask profile` has recorded.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::packages::{self, C_TOOLCHAIN};
use crate::project::{root, step, target};
use crate::{build, installed};

/// How often each branch of the host was taken under the load of the benchmarks.
pub const PROFILE: &str = "host/componentd.profdata";
/// What `CARGO_ENCODED_RUSTFLAGS` has between two flags.
const SEPARATOR: &str = "\x1f";

/// Builds it for the recorded profile, and says where it is.
pub fn run() -> Result<PathBuf> {
    // A function that has changed since is compiled as if there were no profile; that is no news.
    let flags = [&format!("-Cprofile-use={}", root().join(PROFILE).display()), "-Cllvm-args=-no-pgo-warn-mismatch"];
    let host = installed::put(&build(&target(), &flags)?)?;
    step(&format!("the host is {}", host.strip_prefix(root()).unwrap_or(&host).display()));
    Ok(host)
}

/// Builds the host in `folder` with these flags of the compiler.
pub fn build(folder: &Path, flags: &[&str]) -> Result<PathBuf> {
    packages::ensure(C_TOOLCHAIN)?;
    let target = build::rustc(["-vV"])?
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc is for a host")?
        .to_owned();
    let mut command = build::command();
    command.args(["build", "--release", "--locked", "--package", "componentd", "--target-dir"]).arg(folder);
    // Named, so that the flags are for what ships, and not for the build scripts.
    command.args(["--target", &target]).env("CARGO_ENCODED_RUSTFLAGS", flags.join(SEPARATOR));
    build::run(&mut command)?;
    Ok(folder.join(target).join("release/componentd"))
}
