//! Why the host does not start, in words for those who run it, with the exit code of each.

use std::fmt::Display;
use std::net::SocketAddr;

use crate::capability::postgres::MigrationError;
use crate::config::ConfigError;
use crate::loader::LoadError;

/// Why the host does not start. Nothing has been served when it is returned.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the WebAssembly engine does not start: {0:#}; it needs address space, see `ulimit -v`")]
    Engine(wasmtime::Error),
    #[error("service {service}: {source}")]
    Load { service: String, source: Box<LoadError> },
    #[error("{backend} does not answer: {reason}; start it, or correct `{key}` under [backends.{backend}]")]
    Backend { backend: &'static str, key: &'static str, reason: String },
    #[error("Kafka does not know the topics: {topics}; create them, or correct their names in the manifest")]
    UnknownTopics { topics: String },
    #[error("service {service}: {source}")]
    Migration { service: String, source: Box<MigrationError> },
    #[error("{owner} cannot listen on {address}: {source}; end what uses the port, or give `listen` another address")]
    Listen { owner: String, address: SocketAddr, source: std::io::Error },
}

impl StartError {
    pub(crate) fn backend(backend: &'static str, key: &'static str, reason: &impl Display) -> Self {
        Self::Backend { backend, key, reason: reason.to_string() }
    }

    pub(crate) fn load(service: &str, source: LoadError) -> Self {
        Self::Load { service: service.to_owned(), source: Box::new(source) }
    }

    /// The exit code of the process, after `sysexits.h`: 64 usage, 65 data, 66 no input, 69 unavailable, 71 system.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 64,
            Self::Load { source, .. } if matches!(**source, LoadError::Read { .. }) => 66,
            Self::Migration { source, .. } if matches!(**source, MigrationError::Unreachable { .. }) => 69,
            Self::Load { .. } | Self::Migration { .. } => 65,
            Self::Backend { .. } | Self::UnknownTopics { .. } => 69,
            Self::Engine(_) | Self::Listen { .. } => 71,
        }
    }
}
