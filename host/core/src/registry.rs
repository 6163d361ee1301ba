//! The services, and which deployment of each answers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use arc_swap::{ArcSwap, ArcSwapOption};
use http::HeaderMap;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::canary::Canary;
use crate::deployment::{Deployment, InUse};
use crate::digest::Digest;
use crate::history::History;
use crate::troubles::Troubles;

/// The services that run, by name, for those who call each other within the host.
#[derive(Clone, Default)]
pub struct Directory(Arc<RwLock<BTreeMap<String, Weak<Service>>>>);

impl Directory {
    /// Puts a service in, in place of one of its name. The directory does not keep it alive.
    pub fn enter(&self, service: &Arc<Service>) {
        let mut services = self.0.write().unwrap_or_else(PoisonError::into_inner);
        services.insert(service.name.clone(), Arc::downgrade(service));
    }

    /// Takes a service out, unless another one has its name by now.
    pub fn leave(&self, service: &Arc<Service>) {
        if self.has(service) {
            self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&service.name);
        }
    }

    /// Whether the service of this name is this very one.
    pub fn has(&self, service: &Arc<Service>) -> bool {
        self.find(&service.name).is_some_and(|found| Arc::ptr_eq(&found, service))
    }

    /// The service of this name, if it runs.
    pub fn find(&self, name: &str) -> Option<Arc<Service>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name)?.upgrade()
    }
}

/// That of a canary.
struct Share<'a>(&'a Service);

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.0.canary.store(None);
    }
}

/// A named slot of the manifest.
pub struct Service {
    /// Its key under `[services]`.
    pub name: String,
    /// What versions were tried, and what came of each.
    pub history: History,
    /// What is wrong with it while it runs.
    pub troubles: Troubles,
    /// Held by whoever puts another version in: one at a time, in the order in which they came.
    pub swapping: tokio::sync::Mutex<()>,
    /// The content of the component's file that was last decided about, live or not.
    file: Mutex<Option<Digest>>,
    /// Whether its databases are there, and migrated.
    databases: watch::Sender<bool>,
    ready: AtomicBool,
    /// Why it is not ready, where that is known and not told elsewhere.
    waits_for: Mutex<Option<String>>,
    live: ArcSwap<Deployment>,
    canary: ArcSwapOption<Canary>,
}

impl Service {
    /// A service that is not ready yet. For `file` see [`Service::file`].
    pub fn new(live: Arc<Deployment>, history: History, file: Option<Digest>) -> Self {
        Self {
            name: live.name.clone(),
            history,
            troubles: Troubles::default(),
            swapping: tokio::sync::Mutex::default(),
            file: Mutex::new(file),
            databases: watch::Sender::new(false),
            ready: AtomicBool::new(false),
            waits_for: Mutex::default(),
            live: ArcSwap::new(live),
            canary: ArcSwapOption::empty(),
        }
    }

    /// The deployment that answers a request with these headers, which takes it once and keeps it to its end.
    pub fn pick(&self, headers: &HeaderMap) -> InUse {
        self.pick_by(|canary| canary.takes(headers))
    }

    /// The deployment that gets the next call, where callers cannot be told apart.
    pub fn pick_in_turn(&self) -> InUse {
        self.pick_by(Canary::takes_turn)
    }

    fn pick_by(&self, takes: impl Fn(&Canary) -> bool) -> InUse {
        loop {
            let picked = match &*self.canary.load() {
                Some(canary) if takes(canary) => canary.deployment.clone(),
                _ => self.live(),
            };
            match InUse::unless_drained(picked) {
                Ok(picked) => return picked,
                // Not replaced but stopped: the service itself is gone, and the call will be cut.
                Err(drained) if Arc::ptr_eq(&drained, &self.live()) => return drained,
                Err(_) => {}
            }
        }
    }

    /// The deployment that is live.
    pub fn live(&self) -> Arc<Deployment> {
        self.live.load_full()
    }

    /// Makes `deployment` live in one step, and returns the one that was.
    pub fn publish(&self, deployment: Arc<Deployment>) -> Arc<Deployment> {
        self.live.swap(deployment)
    }

    /// Makes `deployment` live in one step, if `current` is; false if it is not any more.
    pub fn publish_instead(&self, current: &Arc<Deployment>, deployment: Arc<Deployment>) -> bool {
        let before = self.live.compare_and_swap(current, deployment);
        Arc::ptr_eq(&before, current)
    }

    /// Gives a deployment its share, until what comes back is dropped.
    pub fn start_canary(&self, deployment: Arc<Deployment>, percent: u8) -> impl Drop + '_ {
        self.canary.store(Some(Arc::new(Canary::new(deployment, percent))));
        Share(self)
    }

    /// The content of the component's file that was last decided about, live or not; none where it was not read.
    pub fn file(&self) -> Option<Digest> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what was decided about, so that the same content is not tried again.
    pub fn set_file(&self, content: Option<Digest>) {
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = content;
    }

    /// Whether its databases are there.
    pub fn has_databases(&self) -> bool {
        *self.databases.borrow()
    }

    /// Notes that its databases are there, and migrated. They stay so.
    pub fn databases_are_ready(&self) {
        self.databases.send_replace(true);
    }

    /// Waits until its databases are there, and migrated.
    pub async fn await_databases(&self) {
        let mut databases = self.databases.subscribe();
        databases.wait_for(|ready| *ready).await.expect("the service itself sends, and is held");
    }

    /// Is ready as soon as its databases are, which is all that some triggers wait for.
    pub async fn ready_with_databases(self: Arc<Self>, stop: CancellationToken) {
        if stop.run_until_cancelled(self.await_databases()).await.is_some() {
            self.set_ready(true);
        }
    }

    /// Whether its trigger can call it: its databases are there, its consumer has joined its group.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// Says whether its trigger can call it. The trigger does, when that changes.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// What keeps it from being ready, if that is known.
    pub fn waits_for(&self) -> Option<String> {
        self.waits_for.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says what keeps it from being ready; none where that is not known, or is over. True if that is new.
    pub fn set_waits_for(&self, reason: Option<String>) -> bool {
        let mut now = self.waits_for.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *now != reason;
        *now = reason;
        is_new
    }
}
