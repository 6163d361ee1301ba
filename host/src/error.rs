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
    #[error(transparent)]
    Inspect(Box<LoadError>),
    #[error("{backend} cannot be used: {reason}; correct `{key}` under [backends.{backend}]")]
    Backend { backend: &'static str, key: &'static str, reason: String },
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

    /// The exit code of the process, after `sysexits.h`: 64 usage, 65 data, 66 no input, 71 system.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Backend { .. } => 64,
            Self::Load { source, .. } | Self::Inspect(source) if matches!(**source, LoadError::Read { .. }) => 66,
            Self::Load { .. } | Self::Inspect(_) | Self::Migration { .. } => 65,
            Self::Engine(_) | Self::Listen { .. } => 71,
        }
    }
}
