//! The command line: which command was given, and what becomes of it.

mod arguments;
mod error;
mod local;
mod logs;
mod print;
mod remote;
mod run;

use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;
use componentd_config as config;
use componentd_core::compiler;
use componentd_telemetry as telemetry;
use componentd_telemetry::Format;

pub use self::arguments::Cli;
use self::arguments::{Command, ManifestArgument};
use self::error::CommandError;

/// How long a command waits at its end for whoever reads what it has logged.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Cli {
    /// Carries out the command and says what became of it.
    pub async fn execute(self) -> ExitCode {
        if let Command::CompileComponent { seconds, memory } = self.command {
            return compiler::process::run(seconds, memory);
        }
        if let Err(wrong) = start_log(self.log_format) {
            eprintln!("componentd: {wrong}");
            return ExitCode::from(64);
        }
        let code = report(carry_out(self.command).await);
        telemetry::flush(LAST_WORDS);
        code
    }
}

/// As the command line says, or else the environment, or else as suits whoever reads it.
fn start_log(format: Option<Format>) -> Result<(), String> {
    let named = config::log_format().map(|name| {
        Format::from_str(&name, false).map_err(|_| format!("COMPONENTD_LOG_FORMAT={name}: it is `text` or `json`"))
    });
    let format = format.map(Ok).or(named).transpose()?.unwrap_or_else(Format::usual);
    let filter = config::log_filter();
    telemetry::start(&filter, format).map_err(|error| error.to_string())
}

async fn carry_out(command: Command) -> Result<(), CommandError> {
    match command {
        Command::Init { folder } => local::init(&folder),
        Command::Run(ManifestArgument { manifest }) => run::run(&manifest).await,
        Command::Check(ManifestArgument { manifest }) => local::check(&manifest).await,
        Command::Explain { service, action, manifest } => local::explain(&manifest.manifest, &service, &action),
        Command::Doctor { json, manifest } => local::doctor(&manifest.manifest, json).await,
        Command::DeadLetters { action, service, count, manifest } => {
            local::dead_letters(action, &service, count, &manifest.manifest).await
        }
        Command::Status(admin) => remote::status(&admin).await,
        Command::Swap { service, component, admin } => remote::swap(&admin, &service, &component).await,
        Command::Rollback { service, version, admin } => remote::rollback(&admin, &service, version.as_deref()).await,
        Command::History { service, admin } => remote::history(&admin, &service).await,
        Command::Logs { service, follow, admin } => logs::run(&admin, &service, follow).await,
        Command::Ready(host) => remote::ready(&host).await,
        Command::Inspect { component } => local::inspect(&component).await,
        Command::Schema { reference } => print::schema(reference),
        Command::Completions { shell } => print::completions(shell),
        Command::Man => print::manual(),
        // Carried out before there is a log, see above.
        Command::CompileComponent { .. } => Ok(()),
    }
}

/// The last word stands alone on standard error, readable also where the log is JSON.
fn report(result: Result<(), CommandError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // What was logged before may fill all the room that there is.
            telemetry::flush(LAST_WORDS);
            telemetry::say(&format!("componentd: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}
