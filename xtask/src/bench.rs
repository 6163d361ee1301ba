//! `cargo xtask bench`: measures the host against others, and renders `BENCHMARKS.md`.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::packages::{self, CALLGRIND, WRK};
use crate::project::{root, step, target};
use crate::{build, child, components, kafka_jars, release, setup, tools};

/// The load generator for latencies.
const OHA: &str = "1.16.0";
/// Of `wasmtime-cli`: what `serve` needs, and what makes it fast.
const SERVE: &str = "run,serve,compile,cranelift,parallel-compilation,pooling-allocator,threads,component-model-async,\
                     clap/default";

/// What is asked for.
#[derive(clap::Args)]
pub struct Arguments {
    /// What is measured; everything by default.
    names: Vec<String>,
    /// How often each candidate has its turn.
    #[arg(long)]
    rounds: Option<u32>,
    /// How long each load takes.
    #[arg(long)]
    seconds: Option<u64>,
    /// Only whether everything runs and answers: one short round, and nothing is written.
    #[arg(long)]
    check: bool,
    /// Measure nothing, only write `BENCHMARKS.md` and its plots from the results that there are.
    #[arg(long)]
    render: bool,
}

/// Builds what it runs, and passes its exit code on.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.render {
        build::cargo(["build", "--release", "--package", "bench"])?;
        return start(bench().arg("--render"));
    }
    let host = release::run()?;
    let mut bench = prepared()?;
    bench.args(&arguments.names).arg("--host").arg(host);
    bench.args(arguments.rounds.map(|rounds| format!("--rounds={rounds}")));
    bench.args(arguments.seconds.map(|seconds| format!("--seconds={seconds}")));
    bench.args(arguments.check.then_some("--check"));
    step("bench");
    start(&mut bench)
}

/// What measures, once everything is there that it compares the host with.
pub fn prepared() -> Result<Command> {
    setup::for_tests()?;
    packages::ensure(&[WRK, CALLGRIND])?;
    install_tools()?;
    components::components()?;
    components::guests()?;
    build::cargo(["build", "--release", "--package", "native", "--package", "bench"])?;
    // It fetches Kafka.
    build::cargo(["build", "--package", "dev-backends"])?;
    let mut bench = bench();
    bench.arg("--tools").arg(tools::programs());
    if let Some(jars) = kafka_jars::fetch("the benchmarks")? {
        bench.arg("--kafka-jars").arg(jars);
    }
    Ok(bench)
}

fn bench() -> Command {
    Command::new(target().join("release/bench"))
}

fn start(command: &mut Command) -> Result<ExitCode> {
    let status = child::spawn_in_foreground(command.current_dir(root()).env_remove("RUST_BACKTRACE"))?.wait()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Of these versions, beside this machine's own.
fn install_tools() -> Result<()> {
    let lock = fs::read_to_string(root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let wasmtime = locked_version(&lock, "wasmtime").context("Cargo.lock has wasmtime")?;
    install("oha", "oha", OHA, &[])?;
    install("wasmtime", "wasmtime-cli", wasmtime, &["--no-default-features", "--features", SERVE])
}

/// With link-time optimisation, unlike cargo's default: one of them is compared with our own binaries.
fn install(binary: &str, package: &str, version: &str, features: &[&str]) -> Result<()> {
    if says_version(&tools::ours(binary), version) {
        return Ok(());
    }
    let mut command = tools::installation(package, version);
    command.arg("--force").args(features);
    command.env("CARGO_PROFILE_RELEASE_LTO", "thin").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "4");
    build::run(&mut command)
}

fn says_version(binary: &Path, version: &str) -> bool {
    let output = Command::new(binary).arg("--version").output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).split_whitespace().any(|word| word == version))
}

/// The version of a package in `Cargo.lock`.
fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let (_, after) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    after.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::locked_version;

    #[test]
    fn a_version_is_that_of_the_whole_name() {
        let lock = "name = \"wasmtime-cli\"\nversion = \"1.0.0\"\n\nname = \"wasmtime\"\nversion = \"48.0.8\"\n";
        assert_eq!(locked_version(lock, "wasmtime"), Some("48.0.8"));
        assert_eq!(locked_version(lock, "wasm"), None);
    }
}
