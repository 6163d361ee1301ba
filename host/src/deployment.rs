//! One version of a service together with everything that it runs with: what a request takes once and keeps to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::counter::Counter;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use wasmtime_wasi_config::WasiConfigVariables;

use crate::capability::postgres::Databases;
use crate::clients::Clients;
use crate::config;
use crate::instances::{Instances, Pool};
use crate::limits::Admission;
use crate::loader::Version;

/// A version, and the configuration, grants, limits and connections that it runs with. Immutable but for what it counts.
pub struct Deployment {
    pub name: String,
    pub spec: config::Service,
    pub version: Arc<Version>,
    pub clients: Clients,
    pub databases: Databases,
    pub config: WasiConfigVariables,
    pub instances: Instances,
    pub admission: Admission,
    pub outcomes: Arc<Outcomes>,
    /// Invocations that had a result, over all versions of the service.
    pub answered: Counter,
    /// Ends what is left of it at the drain deadline.
    pub cut: CancellationToken,
}

impl Deployment {
    pub fn new(
        name: String,
        spec: config::Service,
        pool: Pool,
        clients: Clients,
        databases: Databases,
        version: Arc<Version>,
    ) -> Self {
        Self {
            config: spec.config.clone().into_iter().collect(),
            instances: Instances::new(pool, spec.isolation, spec.limits),
            answered: clients.metrics.answered(&name),
            admission: Admission::new(&spec.limits),
            outcomes: Arc::default(),
            cut: CancellationToken::new(),
            name,
            spec,
            version,
            clients,
            databases,
        }
    }

    /// The same deployment as new: what the old one has counted, and its cut, are not its own.
    pub fn again(&self) -> Self {
        let Self { name, spec, version, instances, clients, databases, .. } = self;
        let (pool, clients, databases) = (instances.pool().clone(), clients.clone(), databases.clone());
        Self::new(name.clone(), spec.clone(), pool, clients, databases, version.clone())
    }
}

/// How the invocations of a deployment ended, for whoever watches it after a swap.
#[derive(Debug, Default)]
pub struct Outcomes {
    total: AtomicU64,
    failed: AtomicU64,
    changed: Notify,
}

impl Outcomes {
    pub fn succeeded(&self) {
        self.total.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// A trap, a timeout, a limit, or an answer with a 5xx.
    pub fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.succeeded();
    }

    /// How many there were, and how many of them failed.
    pub fn counts(&self) -> (u64, u64) {
        (self.total.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }

    /// Waits for another one.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}
