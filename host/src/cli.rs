//! The command line: which command was given, and what becomes of it.

mod arguments;
mod error;
mod local;
mod print;
mod remote;
mod run;

use std::process::ExitCode;

pub use self::arguments::Cli;
use self::arguments::{Command, ManifestArgument};
use self::error::CommandError;
use crate::{config, telemetry};

impl Cli {
    /// Carries out the command and says what became of it.
    pub async fn execute(self) -> ExitCode {
        let filter = config::log_filter();
        if let Err(error) = telemetry::start(&filter) {
            eprintln!("componentd: COMPONENTD_LOG={filter}: {error}");
            return ExitCode::from(64);
        }
        report(carry_out(self.command).await)
    }
}

async fn carry_out(command: Command) -> Result<(), CommandError> {
    match command {
        Command::Init { folder } => local::init(&folder),
        Command::Run(ManifestArgument { manifest }) => run::run(&manifest).await,
        Command::Check(ManifestArgument { manifest }) => local::check(&manifest).await,
        Command::DeadLetters { action, service, count, manifest } => {
            local::dead_letters(action, &service, count, &manifest.manifest).await
        }
        Command::Status(admin) => remote::status(&admin).await,
        Command::Swap { service, component, admin } => remote::swap(&admin, &service, &component).await,
        Command::Rollback { service, version, admin } => remote::rollback(&admin, &service, version.as_deref()).await,
        Command::History { service, admin } => remote::history(&admin, &service).await,
        Command::Ready(host) => remote::ready(&host).await,
        Command::Inspect { component } => local::inspect(&component).await,
        Command::Schema { reference } => print::schema(reference),
        Command::Completions { shell } => print::completions(shell),
        Command::Man => print::manual(),
    }
}

/// The last word stands alone on standard error, readable also where the log is JSON.
fn report(result: Result<(), CommandError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("componentd: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
