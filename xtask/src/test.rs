//! `cargo xtask test`: every test, against real servers, and then the commands of the book.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::{build, cargo_component, components, journey, kafka_jars, setup};

/// Prepare what the tests run, then run them.
pub fn run(arguments: &[String]) -> Result<()> {
    setup::for_tests()?;
    components::components()?;
    components::guests()?;
    cargo_component::build_if_wanted()?;
    // Whatever is built, is built for this: another choice of packages would unify other features, and build most of
    // the dependencies again. It builds the program that fetches Kafka, too.
    build::run(cargo_test().arg("--no-run"))?;
    let jars = kafka_jars::fetch("the tests")?;
    run_tests(jars, arguments)?;
    // Whoever names tests wants these.
    if arguments.is_empty() { journey::run(&journey::Arguments::default()) } else { Ok(()) }
}

/// A build of the components for this machine has nobody to call, but their logic is tested here as well.
fn run_tests(kafka_jars: Option<PathBuf>, arguments: &[String]) -> Result<()> {
    let mut command = cargo_test();
    command.arg("--").args(arguments);
    if let Some(jars) = kafka_jars {
        command.env("COMPONENTD_TEST_KAFKA_JARS", jars);
    }
    // It makes wasmtime capture a backtrace per error, and the tests slow.
    build::run(command.env_remove("RUST_BACKTRACE"))
}

fn cargo_test() -> Command {
    let mut command = build::command();
    command.args(["test", "--workspace"]);
    command
}
