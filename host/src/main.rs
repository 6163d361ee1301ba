//! The `componentd` binary: the command line of the library.

mod allocator;

use std::process::ExitCode;

use clap::Parser as _;
use componentd::cli::Cli;

use allocator::Mimalloc;

#[global_allocator]
static ALLOCATOR: Mimalloc = Mimalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| {
        let _ = error.print();
        // A wrong command line is a usage error of sysexits.h; help and version are none.
        std::process::exit(if error.use_stderr() { 64 } else { 0 });
    });
    cli.execute().await
}
