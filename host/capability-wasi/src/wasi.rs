//! WASI itself: clocks, random numbers, streams, the program's environment. Files and sockets are there for toolchains that
//! import them, and every use of them is refused.

use std::any::TypeId;
use std::sync::Arc;

use componentd_config::ConfigError;
use componentd_core::capability::{About, Capability, Client, HostContext, Package, ServiceContext};
use componentd_core::grant::Grant;
use componentd_core::state::State;
use wasmtime::component::Linker;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};

use crate::pieces;

/// The capability.
pub struct Wasi;

/// As this version of Wasmtime has it.
const VERSION: &str = "0.2.12";

const PACKAGES: &[Package] = &[
    Package {
        name: "wasi:cli",
        version: VERSION,
        interfaces: &[
            "environment",
            "exit",
            "stdin",
            "stdout",
            "stderr",
            "terminal-input",
            "terminal-output",
            "terminal-stdin",
            "terminal-stdout",
            "terminal-stderr",
        ],
    },
    Package { name: "wasi:clocks", version: VERSION, interfaces: &["monotonic-clock", "wall-clock"] },
    Package { name: "wasi:filesystem", version: VERSION, interfaces: &["types", "preopens"] },
    Package { name: "wasi:io", version: VERSION, interfaces: &["error", "poll", "streams"] },
    Package { name: "wasi:random", version: VERSION, interfaces: &["random", "insecure", "insecure-seed"] },
    Package {
        name: "wasi:sockets",
        version: VERSION,
        interfaces: &[
            "network",
            "instance-network",
            "ip-name-lookup",
            "tcp",
            "tcp-create-socket",
            "udp",
            "udp-create-socket",
        ],
    },
];

impl Capability for Wasi {
    fn about(&self) -> About {
        About { name: "wasi", packages: PACKAGES, needs: None, server: None }
    }

    fn add_to_linker(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        wasmtime_wasi::p2::add_to_linker_async(linker)?;
        pieces::add_to_linker(linker, VERSION)
    }

    /// A language's runtime opens its standard streams once. Streams of bodies come and go with their bodies, which may not
    /// last.
    fn lasting(&self) -> Vec<TypeId> {
        vec![TypeId::of::<DynInputStream>(), TypeId::of::<DynOutputStream>(), TypeId::of::<DynPollable>()]
    }

    fn client(&self, _: HostContext<'_>) -> Result<Arc<dyn Client>, ConfigError> {
        Ok(Arc::new(Self))
    }
}

impl Client for Wasi {
    fn grant(&self, _: &ServiceContext<'_>) -> Result<Option<Arc<dyn Grant>>, ConfigError> {
        Ok(None)
    }
}
