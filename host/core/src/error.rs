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
    /// The manifest cannot be read, or says what cannot be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Wasmtime cannot reserve the address space of its pool, or has no compiler for this processor.
    #[error("the WebAssembly engine does not start: {0:#}; it needs address space, see `ulimit -v`")]
    Engine(wasmtime::Error),
    /// Two capabilities offer the same interface.
    #[error("the capabilities do not go together: {0:#}; leave one of them out")]
    Capabilities(wasmtime::Error),
    /// A component cannot be read, is none, or does not fit its service.
    #[error("{place}: {source}")]
    Load {
        /// The key of the service that is about it: its component, or its grants.
        place: Place,
        /// What is wrong with the component.
        source: Box<LoadError>,
    },
    /// A file that the command line names.
    #[error(transparent)]
    File(Box<LoadError>),
    /// No client can be made of what the manifest says of a server.
    #[error(transparent)]
    Backend(#[from] Unusable),
    /// What a grant needs of its server.
    #[error("{place}: {}", source.source)]
    Unprepared {
        /// The key of the grant that is about it.
        place: Place,
        /// What is lacking.
        source: Unprepared,
    },
    /// The port of a listener cannot be taken.
    #[error("{place}: cannot listen on {address}: {source}; {}", mend_listening(source))]
    Listen {
        /// The key `listen` of the service, or of `[admin]`.
        place: Place,
        /// What is written there.
        address: SocketAddr,
        /// What the system says of it.
        source: io::Error,
    },
    /// A component that cannot be a version, though its bytes are in order.
    #[error("{place}: not {step}: {source}")]
    Rejected {
        /// The key of the service that is about it.
        place: Place,
        /// The step of a version's life at which it was refused.
        step: Step,
        /// What it lacks for that step.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The state folder cannot be used.
    #[error("{place}: {source}")]
    State {
        /// The key `host.state`.
        place: Place,
        /// Why not, and what would mend it.
        source: StateError,
    },
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
            Self::Config(_) | Self::Backend(_) | Self::Capabilities(_) => 64,
            Self::Load { source, .. } | Self::File(source) if matches!(**source, LoadError::Read { .. }) => 66,
            Self::Unprepared { source, .. } if source.is_absence => 66,
            Self::Load { .. } | Self::File(_) | Self::Unprepared { .. } | Self::Rejected { .. } => 65,
            Self::Engine(_) | Self::Listen { .. } | Self::State { .. } => 71,
        }
    }
}
