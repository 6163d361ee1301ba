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

pub mod capabilities;
pub mod cli;
mod dead_letters;
mod doctor;
mod embedding;
mod host;
mod init;
mod inspect;

pub use componentd_config as config;
pub use componentd_telemetry as telemetry;

pub use prometheus_client;
pub use toml;
pub use wasmtime;

pub use self::capabilities::default_capabilities;
pub use self::config::{ConfigError, Forms, Manifest, Section, form};
pub use self::embedding::{Bindings, HostBuilder, ServiceError, ServiceHandle};
pub use self::host::Host;
pub use componentd_control::events::{Event, Lagged};
pub use componentd_control::reconcile::{Applied, ReconcileError};
pub use componentd_control::rejected::Rejected;
pub use componentd_control::rollback::{NotKept, RollbackError};
pub use componentd_core::call::{CallError, CallOutcome};
pub use componentd_core::calling::Calling;
pub use componentd_core::capability::{About, Capability, Client, HostContext, Needs, Package, ServiceContext};
pub use componentd_core::clients::check_manifest;
pub use componentd_core::error::StartError;
pub use componentd_core::grant::{Background, Grant, Unprepared, Unusable};
pub use componentd_core::history::{By, Entry, Outcome};
pub use componentd_core::scope::Scope;
pub use componentd_core::state::State;
pub use componentd_core::step::Step;
pub use componentd_core::view::{Has, View};
pub use componentd_ingress::cron::Clock;
