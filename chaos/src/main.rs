//! The `chaos` binary: one run, its ledger on standard output, and exit code 1 if anything was lost.

use std::process::ExitCode;

use chaos::{Options, quota, run};
use clap::Parser as _;

fn main() -> ExitCode {
    let options = Options::parse();
    // While there is one thread only: mounts are then seen by all that we start, and by nobody else.
    let quotas = quota::own_mounts();
    match run(&options, quotas) {
        Ok(ledger) => {
            println!("{ledger}");
            if ledger.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("chaos: {error:#}");
            ExitCode::from(2)
        }
    }
}
