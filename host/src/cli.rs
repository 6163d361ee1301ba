//! The command line.

mod remote;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info};

use crate::admin::client::AdminError;
use crate::cache::Cache;
use crate::config::{self, ConfigError, Manifest, Trigger};
use crate::dead_letters::{self, Action, DeadLetterError};
use crate::digest::Digest;
use crate::error::StartError;
use crate::host::{self, Host};
use crate::loader::{self, Loader};
use crate::{engine, inspect, telemetry};

/// Hosts business logic as sandboxed WebAssembly components.
///
/// The manifest says which components run as which services, what calls them (an HTTP listener or a Kafka topic), and what
/// they may reach. Start with `componentd check`, then `componentd run`.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Environment:
  COMPONENTD_LOG   what is logged: info (default), debug, or per part: info,componentd=debug,guest=trace
  others           whatever the manifest refers to as ${NAME}

Exit codes:
  0   stopped by SIGTERM or SIGINT, after requests in flight have ended (a second signal ends at once, with 130)
  64  the manifest or the command line is wrong: file, line and key are named
  65  a component or a migration cannot be used; swap and rollback: the version was refused
  66  a component's file is missing
  69  ready: the host is not; other commands: the host or Kafka does not answer
  71  a port is taken, or the machine lacks something

A backend that does not answer is no reason to end: the host says which one it waits for, and serves what does not need it.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every service of the manifest until SIGTERM or SIGINT.
    Run(ManifestArgument),
    /// Check the manifest, its components and their grants. Connects to nothing and starts nothing.
    Check(ManifestArgument),
    /// Show, retry or drop the records that a service could not handle, in the order of each partition.
    DeadLetters {
        action: Action,
        /// The service whose dead-letter topic it is.
        service: String,
        /// How many at the most.
        #[arg(long, default_value_t = 100)]
        count: usize,
        #[command(flatten)]
        manifest: ManifestArgument,
    },
    /// Show the services of a running host, and the version of each.
    Status(AdminArguments),
    /// Put a component behind a service of a running host, and wait until it is live.
    Swap {
        service: String,
        /// The `.wasm` file.
        component: PathBuf,
        #[command(flatten)]
        admin: AdminArguments,
    },
    /// Go back to a version that was live before.
    Rollback {
        service: String,
        /// Its digest, or how it begins; without it, the version before the live one.
        version: Option<String>,
        #[command(flatten)]
        admin: AdminArguments,
    },
    /// Show what was swapped behind a service, when, by what, and what came of it.
    History {
        service: String,
        #[command(flatten)]
        admin: AdminArguments,
    },
    /// Ask the admin port of a running host whether it is ready; exits 0 if so, else says what is missing.
    Ready(ManifestArgument),
    /// Show what a component imports and exports, and which grants it needs.
    Inspect {
        /// The `.wasm` file.
        component: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct AdminArguments {
    /// For scripts.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    manifest: ManifestArgument,
}

#[derive(Debug, clap::Args)]
struct ManifestArgument {
    /// The manifest; paths in it are taken from its folder.
    #[arg(long, default_value = "componentd.toml")]
    manifest: PathBuf,
}

impl Cli {
    /// Carries out the command and says what became of it.
    pub async fn execute(self) -> ExitCode {
        let filter = config::log_filter();
        if let Err(error) = telemetry::start(&filter) {
            eprintln!("componentd: COMPONENTD_LOG={filter}: {error}");
            return ExitCode::from(64);
        }
        match self.command {
            Command::Run(ManifestArgument { manifest }) => report(run(&manifest).await),
            Command::Check(ManifestArgument { manifest }) => report(check(&manifest).await),
            Command::DeadLetters { action, service, count, manifest } => {
                report(dead_letters(action, &service, count, &manifest.manifest).await)
            }
            Command::Status(admin) => report(remote::status(&admin.manifest.manifest, admin.json).await),
            Command::Swap { service, component, admin } => {
                report(remote::swap(&admin.manifest.manifest, admin.json, &service, &component).await)
            }
            Command::Rollback { service, version, admin } => {
                report(remote::rollback(&admin.manifest.manifest, admin.json, &service, version.as_deref()).await)
            }
            Command::History { service, admin } => {
                report(remote::history(&admin.manifest.manifest, admin.json, &service).await)
            }
            Command::Ready(ManifestArgument { manifest }) => report(remote::ready(&manifest).await),
            Command::Inspect { component } => report(inspect(&component).await),
        }
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("no service {service} consumes a topic; the manifest says which do (`kafka = {{ … }}`)")]
    NoConsumer { service: String },
    #[error(transparent)]
    DeadLetters(#[from] DeadLetterError),
    #[error("the manifest has no [admin] port to ask")]
    NoAdminPort,
    #[error(transparent)]
    Admin(AdminError),
    #[error("not ready: {0}")]
    NotReady(AdminError),
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        Self::Start(error.into())
    }
}

impl CommandError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Start(error) => error.exit_code(),
            Self::NoConsumer { .. } | Self::NoAdminPort => 64,
            Self::DeadLetters(_) | Self::NotReady(_) | Self::Admin(AdminError::Unreachable { .. }) => 69,
            Self::Admin(AdminError::Refused(_)) => 65,
        }
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

async fn run(path: &Path) -> Result<(), CommandError> {
    let mut signals = Signals::new();
    let manifest = Manifest::load(path)?;
    let mut host = tokio::select! {
        host = Host::start(manifest) => host?,
        () = signals.next() => return Ok(()),
    };
    host.watch(path.to_owned());
    info!("ready");
    signals.next().await;
    info!("stopping: requests and records in flight come to their end; a second signal ends at once");
    tokio::select! {
        () = host.stop() => info!("stopped"),
        () = signals.next() => {
            error!("ended at once by a second signal");
            std::process::exit(130);
        }
    }
    Ok(())
}

async fn check(path: &Path) -> Result<(), CommandError> {
    let manifest = Manifest::load(path)?;
    let services = host::check(&manifest).await?;
    for (name, component, digest) in services {
        println!("{name}: {} {digest}", component.display());
    }
    println!("{}: all is well", path.display());
    Ok(())
}

async fn dead_letters(action: Action, service: &str, count: usize, path: &Path) -> Result<(), CommandError> {
    let manifest = Manifest::load(path)?;
    let trigger = manifest.services.get(service).map(config::Service::trigger);
    let (Some(Trigger::Kafka(trigger)), Some(backend)) = (trigger, &manifest.backends.kafka) else {
        return Err(CommandError::NoConsumer { service: service.to_owned() });
    };
    let count = dead_letters::run(backend, trigger, action, count).await?;
    eprintln!("{count} dead letters");
    Ok(())
}

async fn inspect(path: &Path) -> Result<(), CommandError> {
    let loader =
        engine::start(1).and_then(|engine| Loader::new(engine, Cache::new(None))).map_err(StartError::Engine)?;
    let inspected = |e| StartError::Inspect(Box::new(e));
    let bytes = loader::read(path).await.map_err(inspected)?;
    let component = loader.compile(path, bytes.clone()).await.map_err(inspected)?;
    print!("{}", inspect::report(&component, &Digest::of(&bytes)));
    Ok(())
}

/// SIGTERM and SIGINT, which mean the same.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Self {
        let listen = |kind| signal(kind).expect("handlers can be set in a process that has just started");
        Self { terminate: listen(SignalKind::terminate()), interrupt: listen(SignalKind::interrupt()) }
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
