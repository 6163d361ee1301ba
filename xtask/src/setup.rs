//! Puts what a task needs on the machine.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::build;
use crate::packages::{self, BROWSER, C_TOOLCHAIN, JOURNEY, JVM, Need, POSTGRES, REDIS};
use crate::project::{TARGET, find, step, variable};

/// What CI needs before its first step.
pub fn everything() -> Result<()> {
    for_tests()
}

/// What `up` needs: no server for a backend that the environment names.
pub fn for_up() -> Result<()> {
    let servers = [("DATABASE_URL", POSTGRES), ("REDIS_URL", REDIS)];
    let own = servers.into_iter().filter(|(name, _)| variable(name).is_none()).map(|(_, need)| need);
    wasm_target(TARGET)?;
    packages::ensure(&C_TOOLCHAIN.iter().copied().chain(own).collect::<Vec<_>>())
}

/// What the tests need. Without a JVM they use the embedded Kafka, and without a browser they skip its tests: CI must not.
pub fn for_tests() -> Result<()> {
    wasm_target(TARGET)?;
    packages::ensure(&[C_TOOLCHAIN, &[POSTGRES, REDIS]].concat())?;
    wanted_by_ci(JVM, "CI tests against Apache Kafka")?;
    wanted_by_ci(BROWSER, "CI tests the shop's page in Chromium")
}

/// Elsewhere the tests go on without, and say so.
fn wanted_by_ci(needs: &[Need], why: &'static str) -> Result<()> {
    match packages::ensure(needs) {
        Err(error) if variable("CI").is_some() => Err(error).context(why),
        Err(error) => {
            step(&format!("going on without: {error}"));
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// What the commands of the book need. CI walks all of them, others as far as they can.
pub fn for_journey() -> Result<()> {
    wasm_target(TARGET)?;
    if variable("CI").is_some() { packages::ensure(JOURNEY) } else { Ok(()) }
}

/// Whether Apache Kafka can run here.
pub fn has_jvm() -> bool {
    JVM.iter().all(|need: &Need| (need.met)())
}

/// The standard library for components.
pub fn wasm_target(target: &str) -> Result<()> {
    if has_target(target) {
        return Ok(());
    }
    rustup(["target", "add", target])
}

/// Adds something to the toolchain.
pub fn rustup<const N: usize>(arguments: [&str; N]) -> Result<()> {
    if find("rustup").is_none() {
        bail!("there is no rustup here for `rustup {}`: install what that would", arguments.join(" "));
    }
    build::run(Command::new("rustup").args(arguments))
}

fn has_target(target: &str) -> bool {
    let folder = build::rustc(["--print", "target-libdir", "--target", target]);
    folder.is_ok_and(|folder| std::path::Path::new(&folder).is_dir())
}
