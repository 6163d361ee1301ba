//! componentd hosts business logic as sandboxed WebAssembly components, and owns all their I/O.
//!
//! - [`Host::builder`] starts a host with a [`Manifest`]; [`Host::service`] gives a [`ServiceHandle`], to call a service and to
//!   swap its versions; [`Host::events`] says what becomes of them.
//! - [`Capability`] is what components may ask for, [`capabilities`] are those that componentd comes with.
//! - [`cli`] is the program around it.

#![warn(missing_docs, unreachable_pub)]

pub mod capabilities;
pub mod cli;
mod dead_letters;
mod doctor;
mod embedding;
mod explain;
mod host;
mod init;
mod inspect;

pub use componentd_config as config;
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
pub use componentd_core::outgoing::{Outgoing, Sending};
pub use componentd_core::peers::{PeerBody, Peers};
pub use componentd_core::scope::Scope;
pub use componentd_core::state::State;
pub use componentd_core::step::Step;
pub use componentd_core::verdict::{Right, Verdict};
pub use componentd_core::view::{Has, View};
pub use componentd_ingress::cron::Clock;
pub use componentd_telemetry as telemetry;
pub use prometheus_client;
pub use toml;
pub use wasmtime;

pub use self::capabilities::default_capabilities;
pub use self::config::{ConfigError, Forms, Manifest, Secret, Section, form};
pub use self::embedding::{Bindings, HostBuilder, ServiceError, ServiceHandle};
pub use self::host::Host;
