//! The services, and which version of each answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use wasmtime::Engine;
use wasmtime_wasi_config::WasiConfigVariables;

use crate::capability::postgres::Databases;
use crate::clients::Clients;
use crate::config;
use crate::limits::Admission;
use crate::loader::Version;

/// A named slot of the manifest: what it may do, and the version that answers now.
pub struct Service {
    pub name: String,
    pub spec: config::Service,
    pub engine: Engine,
    pub clients: Clients,
    pub databases: Databases,
    pub config: WasiConfigVariables,
    pub http_grants: Arc<Vec<config::HttpGrant>>,
    pub admission: Admission,
    migrated: AtomicBool,
    ready: AtomicBool,
    live: ArcSwap<Version>,
}

impl Service {
    pub fn new(
        name: String,
        spec: config::Service,
        engine: Engine,
        clients: Clients,
        databases: Databases,
        version: Version,
    ) -> Self {
        Self {
            config: spec.config.clone().into_iter().collect(),
            http_grants: Arc::new(spec.grants.http.clone()),
            admission: Admission::new(&spec.limits),
            migrated: AtomicBool::new(false),
            ready: AtomicBool::new(false),
            live: ArcSwap::from_pointee(version),
            name,
            spec,
            engine,
            clients,
            databases,
        }
    }

    /// The version that answers now. A request or record takes it once and keeps it to its end.
    pub fn live(&self) -> Arc<Version> {
        self.live.load_full()
    }

    /// Whether its databases are as its version needs them.
    pub fn is_migrated(&self) -> bool {
        self.migrated.load(Ordering::Relaxed)
    }

    pub fn set_migrated(&self) {
        self.migrated.store(true, Ordering::Relaxed);
    }

    /// Whether its trigger can call it: its listener accepts, its consumer has joined its group.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }
}
