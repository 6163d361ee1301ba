//! The commands and their arguments, as `--help` shows them.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use componentd_config::DEFAULT_MANIFEST;
use componentd_telemetry::Format;

use crate::dead_letters::Action;

/// Hosts business logic as sandboxed WebAssembly components.
///
/// The manifest says which components run as which services, what calls them (an HTTP listener or a Kafka topic), and what
/// they may reach. Start with `componentd check`, then `componentd run`.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
pub struct Cli {
    /// What a line of the log looks like [default: text on a terminal, json elsewhere]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(super) log_format: Option<Format>,
    #[command(subcommand)]
    pub(super) command: Command,
}

const AFTER_HELP: &str = "\
Environment:
  COMPONENTD_LOG   what is logged: info (default), debug, or per part: info,componentd=debug,guest=trace
  COMPONENTD_LOG_FORMAT
                   text or json, as --log-format
  COMPONENTD_ADMIN, COMPONENTD_TOKEN
                   the admin port of a running host, for the commands that ask it
  COMPONENTD_CA, COMPONENTD_CERTIFICATE, COMPONENTD_KEY
                   as --ca, --certificate and --key, for an admin port with https
  others           whatever the manifest refers to as ${NAME}; those that are not set are taken from .componentd/env
                   beside the manifest, which `cargo xtask up` writes

Exit codes:
  0   stopped by SIGTERM or SIGINT, after requests in flight have ended (a second signal ends at once, with 130)
  64  the manifest or the command line is wrong: file, line and key are named
  65  a component or a migration cannot be used; swap and rollback: the version was refused
  66  a component's file or a migrations folder is missing
  69  ready: the host is not; doctor: something is wrong; other commands: the host or Kafka does not answer
  71  a port is taken, or the machine lacks something
  73  init: a file is there already, or cannot be written
  74  what a command prints cannot be written
  77  explain: the service may not do it

A backend that does not answer is no reason to end: the host says which one it waits for, and serves what does not need it.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write a manifest and a first component in Rust, and say how to build and run them. Nothing is overwritten.
    Init {
        /// It is made if it is not there; its name is that of the service.
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// Run every service of the manifest until SIGTERM or SIGINT.
    Run(ManifestArgument),
    /// Check the manifest, its components and their grants, and show who may do what. Connects to nothing and starts nothing.
    Check(ManifestArgument),
    /// Say whether a service may do something, and why: explain users "redis get user:1". Connects to nothing.
    Explain {
        service: String,
        /// In quotes: "GET https://host/path", "redis set <key>", "kafka produce <topic>", "postgres open <alias>".
        action: String,
        #[command(flatten)]
        manifest: ManifestArgument,
    },
    /// Connect to everything that the manifest names, and show what is wrong and what mends it. Changes nothing.
    Doctor {
        /// For scripts.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        manifest: ManifestArgument,
    },
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
    /// Show what a service of a running host has logged last.
    Logs {
        service: String,
        /// And then what it logs, until Ctrl-C or the end of the host.
        #[arg(short, long)]
        follow: bool,
        #[command(flatten)]
        admin: AdminArguments,
    },
    /// Ask the admin port of a running host whether it is ready; exits 0 if so, else says what is missing.
    Ready(HostArguments),
    /// Show what a component imports and exports, and which grants it needs.
    Inspect {
        /// The `.wasm` file.
        component: PathBuf,
    },
    /// Print a JSON Schema of the manifest, for editors.
    Schema {
        /// The reference of the manifest instead, as a page in Markdown.
        #[arg(long)]
        reference: bool,
    },
    /// Print completions for a shell: source <(componentd completions bash)
    Completions { shell: clap_complete::Shell },
    /// Print the manual page: componentd man | man -l -
    Man,
    /// Compile the component on standard input, for a host that has started this process.
    #[command(hide = true, name = componentd_core::compiler::process::ARGUMENT)]
    CompileComponent {
        /// The processor time that it may take.
        seconds: u64,
        /// And the memory, in bytes.
        memory: u64,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct AdminArguments {
    /// For scripts.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub host: HostArguments,
}

/// Which running host is asked.
#[derive(Debug, clap::Args)]
pub(super) struct HostArguments {
    /// The admin port of the host, as in http://127.0.0.1:8080; without it, COMPONENTD_ADMIN, or `[admin]` of the manifest.
    #[arg(long, value_name = "URL", conflicts_with = "manifest")]
    pub admin: Option<String>,
    /// What the admin port asks for. Other users of the machine can see it here: COMPONENTD_TOKEN hides it.
    #[arg(long)]
    pub token: Option<String>,
    /// The manifest, of which nothing is read but `[admin]` [default: componentd.toml]
    #[arg(long)]
    pub manifest: Option<PathBuf>,
    /// Authorities, in PEM, one of which has signed the certificate of an admin port with https; without it those of the web,
    /// or the very certificate that the manifest names.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// A certificate, in PEM, for an admin port that asks for one.
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// The key of that certificate.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ManifestArgument {
    /// The manifest; paths in it are taken from its folder.
    #[arg(long, default_value = DEFAULT_MANIFEST)]
    pub manifest: PathBuf,
}
