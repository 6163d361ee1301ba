//! Why the host does not start, in words for those who run it, with the exit code of each.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use componentd_config::{ConfigError, Manifest, Place};

use crate::grant::{Unprepared, Unusable};
use crate::load_error::LoadError;
use crate::state_folder::StateError;
use crate::step::Step;

/// Why the host does not start. Nothing has been served when it is returned.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the WebAssembly engine does not start: {0:#}; it needs address space, see `ulimit -v`")]
    Engine(wasmtime::Error),
    #[error("{place}: {source}")]
    Load { place: Place, source: Box<LoadError> },
    /// A file that the command line names.
    #[error(transparent)]
    File(Box<LoadError>),
    #[error(transparent)]
    Backend(#[from] Unusable),
    /// What a grant needs of its server.
    #[error("{place}: {}", source.source)]
    Unprepared { place: Place, source: Unprepared },
    #[error("{place}: cannot listen on {address}: {source}; {}", mend_listening(source))]
    Listen { place: Place, address: SocketAddr, source: io::Error },
    /// A component that cannot be a version, though its bytes are in order.
    #[error("{place}: not {step}: {source}")]
    Rejected { place: Place, step: Step, source: Box<dyn Error + Send + Sync> },
    #[error("{place}: {source}")]
    State { place: Place, source: StateError },
}

fn mend_listening(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "end what uses the port (`ss -ltnp` names it), or write another one",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address: write one of its own, or 0.0.0.0",
        io::ErrorKind::PermissionDenied => "write a port from 1024 on, or give the host CAP_NET_BIND_SERVICE",
        _ => "write another address",
    }
}

impl StartError {
    /// What a service of this manifest lacks before it can be called.
    pub fn unprepared(manifest: &Manifest, service: &str, source: Unprepared) -> Self {
        let key: Vec<&str> = ["services", service].into_iter().chain(source.key.iter().map(String::as_str)).collect();
        Self::Unprepared { place: manifest.source.place(&key), source }
    }

    /// The component of a service of this manifest.
    pub fn load(manifest: &Manifest, service: &str, source: LoadError) -> Self {
        Self::Load { place: manifest.source.place(&["services", service, source.key()]), source: Box::new(source) }
    }

    /// The exit code of the process, after `sysexits.h`: 64 usage, 65 data, 66 no input, 71 system.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Backend(_) => 64,
            Self::Load { source, .. } | Self::File(source) if matches!(**source, LoadError::Read { .. }) => 66,
            Self::Unprepared { source, .. } if source.is_absence => 66,
            Self::Load { .. } | Self::File(_) | Self::Unprepared { .. } | Self::Rejected { .. } => 65,
            Self::Engine(_) | Self::Listen { .. } | Self::State { .. } => 71,
        }
    }
}
