//! `cargo xtask chaos`: a run of the chaos suite, as long as you like.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::project::{root, step, target};
use crate::{build, child, components, kafka_jars, setup};

/// What the suite is asked for.
#[derive(clap::Args)]
pub struct Arguments {
    /// How long faults are injected.
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// Decides the faults and the requests; a new one each time if it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// For the suite itself, after `--`: try `--help`.
    #[arg(last = true)]
    others: Vec<String>,
}

/// Builds what it runs, and passes its exit code on.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    setup::for_tests()?;
    components::components()?;
    build::cargo(["build", "--package", "chaos", "--package", "componentd", "--package", "dev-backends"])?;
    let mut command = command(arguments);
    if let Some(jars) = kafka_jars::fetch("chaos")? {
        command.arg("--kafka-jars").arg(jars);
    }
    step("chaos");
    let status = child::spawn_in_foreground(command.current_dir(root()).env_remove("RUST_BACKTRACE"))?.wait()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn command(arguments: &Arguments) -> Command {
    let mut command = Command::new(target().join("debug/chaos"));
    command.args(["--minutes", &arguments.minutes.to_string()]);
    if let Some(seed) = arguments.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    command.args(&arguments.others);
    command
}
