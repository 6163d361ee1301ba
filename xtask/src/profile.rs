//! `cargo xtask profile`: records what the host does under load, for `cargo xtask release` to optimise.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::project::{root, step, target};
use crate::release::PROFILE;
use crate::{bench, build, release, setup};

/// Every trigger and capability at work, in both kinds of isolation.
const LOADS: [&str; 7] = ["hello", "products", "product", "order", "checkout", "signup", "notifications"];

/// Builds a host that counts, loads it as the benchmarks do, and puts its counts in place of the old ones.
pub fn run() -> Result<()> {
    let merge = merger()?;
    let (folder, counts) = (target().join("profile"), target().join("profile/counts"));
    let host = release::build(&folder, &[&format!("-Cprofile-generate={}", counts.display())])?;
    let mut load = bench::prepared()?;
    // Those of an earlier host would count too.
    let _ = fs::remove_dir_all(&counts);
    step("recording");
    build::run(load.args(LOADS).args(["--check", "--host"]).arg(host).env_remove("RUST_BACKTRACE"))?;
    let mut merge = Command::new(merge);
    build::run(merge.args(["merge", "--sparse", "--output"]).arg(root().join(PROFILE)).arg(counts))?;
    step(&format!("recorded; commit {PROFILE}"));
    Ok(())
}

/// The compiler's own: another version might write another format.
fn merger() -> Result<PathBuf> {
    let libraries = PathBuf::from(build::rustc(["--print", "target-libdir"])?);
    let tool = libraries.parent().context("target-libdir is in a folder")?.join("bin/llvm-profdata");
    if !tool.is_file() {
        setup::rustup(["component", "add", "llvm-tools"])?;
    }
    Ok(tool)
}
