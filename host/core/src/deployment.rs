//! One version of a service together with everything that it runs with: what a request takes once and keeps to its end.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use componentd_config as config;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::admission::Admission;
use crate::granted::Granted;
use crate::in_flight::InFlight;
use crate::instances::{Instances, Pool};
use crate::loader::Version;
use crate::metrics::{Metrics, Outcome};
use crate::share::Share;

/// A version, and the configuration, grants, limits and connections that it runs with. Immutable but for what it counts.
pub struct Deployment {
    /// That of its service.
    pub name: String,
    /// What the manifest says of the service, as of this deployment.
    pub spec: config::Service,
    /// What runs, compiled and linked.
    pub version: Arc<Version>,
    /// What it may do. Those that come after it may share it.
    pub granted: Arc<Granted>,
    /// The instances of this deployment alone: a swap takes none over.
    pub instances: Instances,
    /// How many invocations run and wait, after `limits.concurrency` and `limits.queue`.
    pub admission: Admission,
    /// What the service gets of the processor.
    pub share: Arc<Share>,
    /// How its invocations ended so far.
    pub outcomes: Arc<Outcomes>,
    /// The invocations that use it, which a drain waits for.
    pub in_flight: InFlight,
    /// Ends what is left of it once it is drained, or at the drain deadline: invocations, and the watch over it.
    pub cut: CancellationToken,
}

impl Deployment {
    /// The version of the service that the grants are of.
    pub fn new(
        spec: config::Service,
        pool: Pool,
        metrics: Arc<Metrics>,
        granted: Arc<Granted>,
        version: Arc<Version>,
    ) -> Self {
        let name = granted.service().to_owned();
        Self {
            share: pool.share(&name, &metrics),
            instances: Instances::new(pool, &spec),
            admission: Admission::new(&spec.limits, version.memories),
            outcomes: Arc::new(Outcomes::new(&name, metrics)),
            in_flight: InFlight::default(),
            cut: CancellationToken::new(),
            name,
            spec,
            version,
            granted,
        }
    }

    /// The same deployment as new, called as `other` is: what the old one has counted, and its cut, are not its own.
    pub fn again(&self, other: &config::Service) -> Self {
        let Self { spec, version, instances, granted, outcomes, .. } = self;
        let (pool, metrics) = (instances.pool().clone(), outcomes.metrics.clone());
        let spec = spec.clone().called_as(other);
        Self::new(spec, pool, metrics, granted.clone(), version.clone())
    }

    /// Whether it runs the same with the same, however it is called.
    pub fn is_same(&self, other: &Self) -> bool {
        self.version.digest() == other.version.digest() && self.spec.clone().called_as(&other.spec) == other.spec
    }
}

/// A deployment that something uses: a drain waits for it, up to the deadline.
pub struct InUse(Arc<Deployment>);

impl InUse {
    /// Uses a deployment that is, or was, live.
    ///
    /// # Errors
    /// Its drain is over. What comes back is cut as soon as it is called.
    pub fn unless_drained(deployment: Arc<Deployment>) -> Result<Self, Self> {
        let is_open = deployment.in_flight.enter();
        if is_open { Ok(Self(deployment)) } else { Err(Self(deployment)) }
    }
}

/// For a deployment that is not live yet, and so not drained.
impl From<Arc<Deployment>> for InUse {
    fn from(deployment: Arc<Deployment>) -> Self {
        Self::unless_drained(deployment).unwrap_or_else(|drained| drained)
    }
}

impl Deref for InUse {
    type Target = Arc<Deployment>;

    fn deref(&self) -> &Arc<Deployment> {
        &self.0
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.in_flight.leave();
    }
}

/// How the invocations of a deployment ended: for the measurements of its service, and for whoever watches it after a swap.
#[derive(Debug)]
pub struct Outcomes {
    service: String,
    metrics: Arc<Metrics>,
    /// Most of them, over all versions of the service.
    well: Counter,
    total: AtomicU64,
    failed: AtomicU64,
    changed: Notify,
}

impl Outcomes {
    fn new(service: &str, metrics: Arc<Metrics>) -> Self {
        let well = metrics.invocations(service, Outcome::Ok);
        let (total, failed) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { service: service.to_owned(), metrics, well, total, failed, changed: Notify::new() }
    }

    /// Counts an invocation, which is done once for each.
    pub fn note(&self, outcome: Outcome) {
        match outcome {
            Outcome::Ok => self.well.inc(),
            other => self.metrics.invocations(&self.service, other).inc(),
        };
        match outcome.is_failure() {
            None => return,
            Some(false) => {}
            Some(true) => drop(self.failed.fetch_add(1, Ordering::Relaxed)),
        }
        self.total.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_one();
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
