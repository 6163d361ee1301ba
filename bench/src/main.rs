//! The `bench` binary: measures what it is asked for, prints it, and keeps it in `bench/results/`.

use std::process::ExitCode;

use bench::{Options, run};
use clap::Parser as _;

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
