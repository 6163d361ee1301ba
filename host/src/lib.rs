//! componentd hosts business logic as sandboxed WebAssembly components, and owns all their I/O.
//!
//! The map of the code, in the order of a request's life:
//!
//! - [`config`] reads the manifest; [`host`] makes everything ready and starts it.
//! - [`ingress`] accepts a request or reads a record; [`registry`] says which version answers.
//! - [`dispatch`] runs one invocation in one of the [`instances`], within [`limits`]; its store holds a [`state`].
//! - [`capability`] is what the component can ask for: Postgres, Redis, Kafka, HTTP, logging.
//! - `outbox` sends what a transaction has published, once it is committed.
//! - [`loader`] made the version from a file, with the one [`engine`].
//! - [`admin`], `metrics` and [`telemetry`] show those who run the host how it is.

mod admin;
mod archive;
mod artifact;
mod away;
mod builder;
mod cache;
mod call;
mod calling;
mod canary;
pub mod capabilities;
mod capability;
pub mod cli;
mod clients;
pub mod config;
mod dead_letters;
mod deployment;
mod digest;
mod dispatch;
mod doctor;
mod engine;
mod error;
mod grant;
mod granted;
mod history;
mod host;
mod huge_pages;
mod in_flight;
mod ingress;
mod init;
mod inspect;
mod instances;
mod kafka;
mod lacking;
mod limits;
mod load_error;
mod loader;
mod metrics;
mod migration_turns;
mod outbox;
mod outgoing;
mod output;
mod peers;
mod reconcile;
mod registry;
mod rejected;
mod scope;
mod startup;
mod state;
mod state_folder;
mod step;
mod supervisor;
mod swap;
pub mod telemetry;
mod trap;
mod trigger;
mod troubles;
mod upcoming;
mod view;
mod watch;
mod watcher;
mod world;

pub use prometheus_client;
pub use toml;
pub use wasmtime;

pub use self::builder::HostBuilder;
pub use self::call::{CallError, CallOutcome};
pub use self::calling::Calling;
pub use self::capabilities::default_capabilities;
pub use self::capability::{About, Capability, Client, HostContext, Needs, Package, ServiceContext};
pub use self::clients::check_manifest;
pub use self::config::{ConfigError, Forms, Manifest, Section, form};
pub use self::error::StartError;
pub use self::grant::{Background, Grant, Unprepared, Unusable};
pub use self::host::Host;
pub use self::reconcile::{Applied, ReconcileError};
pub use self::scope::Scope;
pub use self::state::State;
pub use self::view::{Has, View};
