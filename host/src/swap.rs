//! The life of a version: found, checked, compiled, migrated, probed, (canary,) live, watched, drained.
//!
//! Until it is live, a refusal at any step leaves everything as it is. Going live is one atomic store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::archive::{Archive, Live};
use crate::capability::postgres::Databases;
use crate::clients::Clients;
use crate::config;
use crate::deployment::{Deployment, Outcomes};
use crate::digest::Digest;
use crate::history::{By, Entry, Outcome};
use crate::instances::Pool;
use crate::load_error::LoadError;
use crate::loader::{self, Loader, Version};
use crate::probe::probe;
use crate::registry::Service;

/// Fewer failures than this are an accident, whatever their share.
const MIN_FAILURES: u64 = 3;

/// How often a drain looks whether the old version's work has ended.
const DRAIN_POLL: Duration = Duration::from_millis(20);

/// Why a version did not go live, or did not stay.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{step}: {reason}")]
pub struct Rejected {
    /// The step of a version's life that it did not take.
    pub step: &'static str,
    pub reason: String,
}

impl Rejected {
    pub fn at(step: &'static str) -> impl Fn(&dyn std::fmt::Display) -> Self {
        move |reason| Self { step, reason: reason.to_string() }
    }
}

/// Puts versions behind services.
#[derive(Clone)]
pub struct Swapper {
    pub loader: Loader,
    pub pool: Pool,
    pub clients: Clients,
    pub archive: Archive,
    pub backends: config::Backends,
    /// Watches and drains that are going on.
    pub tasks: TaskTracker,
}

/// What is to go live.
pub struct Candidate<'a> {
    /// Where the bytes come from, for messages.
    pub path: &'a Path,
    pub bytes: Arc<[u8]>,
    pub spec: config::Service,
    pub by: By,
}

impl Swapper {
    /// Brings a candidate to life behind `service`, and returns its digest. Candidates of one service come one at a time.
    ///
    /// # Errors
    /// The step that refused it, and why. The service runs on as it was.
    pub async fn swap(&self, service: &Arc<Service>, candidate: Candidate<'_>) -> Result<Digest, Rejected> {
        let _turn = service.swapping.lock().await;
        let (digest, by) = (Digest::of(&candidate.bytes), candidate.by);
        if by == By::File {
            if current_content(candidate.path).await.is_some_and(|current| current != digest) {
                // Written over while this one waited; the newer content has its own turn.
                return Ok(digest);
            }
            service.set_file(Some(digest.clone()));
        }
        let live = service.live();
        if digest == live.version.digest && candidate.spec == live.spec {
            self.remember(service);
            return Ok(digest);
        }
        match self.bring_up(service, &live, candidate).await {
            Ok(next) => {
                self.go_live(service, next, by);
                Ok(digest)
            }
            Err(rejected) => {
                warn!(service = service.name, version = %digest, step = rejected.step, reason = rejected.reason, "rejected");
                let (step, reason) = (rejected.step.to_owned(), rejected.reason.clone());
                self.note(service, &digest, by, Outcome::Rejected { step, reason });
                Err(rejected)
            }
        }
    }

    /// All steps before live.
    async fn bring_up(
        &self,
        service: &Arc<Service>,
        live: &Deployment,
        candidate: Candidate<'_>,
    ) -> Result<Arc<Deployment>, Rejected> {
        let Candidate { path, bytes, spec, .. } = candidate;
        let version = self.load(&service.name, path, bytes, &spec).await?;
        let saved = self.archive.save(&service.name, &version.digest, &version.bytes);
        saved.map_err(|e| Rejected::at("archived")(&e))?;
        let same_databases = spec.grants.postgres == live.spec.grants.postgres && spec.limits == live.spec.limits;
        let databases = if same_databases { live.databases.clone() } else { self.databases(&spec)? };
        databases.migrate(&service.name, &spec.grants).await.map_err(|e| Rejected::at("migrated")(&e))?;
        let next = Arc::new(self.deployment(&service.name, spec, databases, version));
        probe(&next).await?;
        self.try_out(service, &next).await?;
        Ok(next)
    }

    async fn load(
        &self,
        name: &str,
        path: &Path,
        bytes: Arc<[u8]>,
        spec: &config::Service,
    ) -> Result<Version, Rejected> {
        let loaded = self.loader.load(path, bytes, name, spec).await;
        loaded.map_err(|e| Rejected { step: e.step(), reason: e.to_string() })
    }

    fn databases(&self, spec: &config::Service) -> Result<Databases, Rejected> {
        Databases::new(self.backends.postgres.as_ref(), spec).map_err(|e| Rejected::at("migrated")(&e))
    }

    /// A deployment that nothing calls yet.
    pub fn deployment(&self, name: &str, spec: config::Service, databases: Databases, version: Version) -> Deployment {
        let (pool, clients) = (self.pool.clone(), self.clients.clone());
        Deployment::new(name.to_owned(), spec, pool, clients, databases, Arc::new(version))
    }

    /// The canary, where the manifest asks for one: a share of the requests, watched as closely as what is live.
    async fn try_out(&self, service: &Arc<Service>, next: &Arc<Deployment>) -> Result<(), Rejected> {
        let Some(canary) = next.spec.swap.canary else { return Ok(()) };
        info!(service = service.name, version = %next.version.digest, percent = canary.percent, "canary");
        service.start_canary(next.clone(), canary.percent);
        let failed = watch(&next.outcomes, &next.spec.swap, canary.duration.0, u64::MAX).await;
        service.end_canary();
        failed.map_or(Ok(()), |reason| Err(Rejected { step: "canary", reason }))
    }

    /// The switch, and what goes on after it: the drain of the old version, the watch over the new one.
    fn go_live(&self, service: &Arc<Service>, next: Arc<Deployment>, by: By) {
        let digest = next.version.digest.clone();
        let old = service.publish(next.clone());
        info!(service = service.name, version = %digest, old = %old.version.digest, ?by, "live");
        self.note(service, &digest, by, Outcome::Live);
        let fallback = Arc::new(old.again());
        self.tasks.spawn(drain(old));
        let (swapper, service) = (self.clone(), service.clone());
        // A drain waits until nobody holds a deployment: a watch must not.
        let (outcomes, swap, gone) = (next.outcomes.clone(), next.spec.swap.clone(), next.cut.clone());
        let next = Arc::downgrade(&next);
        self.tasks.spawn(async move {
            // It ends with the version that it is over: the old one's code would stay in memory for as long as it lasts.
            let watched = watch(&outcomes, &swap, swap.watch.0, swap.watch_requests);
            if let Some(Some(reason)) = gone.run_until_cancelled(watched).await {
                swapper.go_back(&service, next.upgrade(), fallback, reason).await;
            }
        });
    }

    /// Goes back to the old version, unless yet another one is live by now. It waits for no swap that is under way: what is
    /// live fails.
    async fn go_back(
        &self,
        service: &Arc<Service>,
        failed: Option<Arc<Deployment>>,
        fallback: Arc<Deployment>,
        reason: String,
    ) {
        let digest = fallback.version.digest.clone();
        let Some(failed) = failed.filter(|failed| service.publish_instead(failed, fallback)) else { return };
        warn!(service = service.name, version = %failed.version.digest, back_to = %digest, reason, "rolled back");
        self.note(service, &failed.version.digest, By::Watch, Outcome::RolledBack { reason });
        self.note(service, &digest, By::Watch, Outcome::Live);
        drain(failed).await;
    }

    /// Into the history, and into what a restart goes by.
    pub fn note(&self, service: &Service, digest: &Digest, by: By, outcome: Outcome) {
        let entry = Entry::now(digest.full(), by, outcome);
        if let Err(error) = self.archive.append(&service.name, &entry) {
            warn!(service = service.name, %error, "the state folder cannot be written; a restart loses this history");
        }
        service.history.push(entry);
        self.remember(service);
    }

    /// What is live, and which content of the file has been decided about: a restart tries no content twice.
    fn remember(&self, service: &Service) {
        let version = service.live().version.digest.full();
        let file = service.file().map(|digest| digest.full()).unwrap_or_default();
        if let Err(error) = self.archive.set_live(&service.name, &Live { version, file }) {
            warn!(service = service.name, %error, "the state folder cannot be written; a restart goes by the file");
        }
    }

    /// What a service starts with, and what its file holds: the version that was live when the host ended, unless the
    /// file has changed since.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn first_bytes(&self, name: &str, path: &Path) -> Result<(Arc<[u8]>, Digest), LoadError> {
        let bytes = loader::read(path).await?;
        let file = Digest::of(&bytes);
        let kept = self.archive.live(name).filter(|live| live.file == file.full());
        let live = kept.and_then(|live| self.archive.version(name, &live.version));
        Ok((live.map_or(bytes, Arc::from), file))
    }
}

async fn current_content(path: &Path) -> Option<Digest> {
    loader::read(path).await.ok().map(|bytes| Digest::of(&bytes))
}

/// Watches a deployment for so long, or so many invocations. Some reason if it fails too often.
async fn watch(outcomes: &Outcomes, swap: &config::Swap, duration: Duration, invocations: u64) -> Option<String> {
    let rate = swap.failure_rate;
    let too_many = async {
        loop {
            outcomes.changed().await;
            let (total, failed) = outcomes.counts();
            #[expect(clippy::cast_precision_loss, reason = "a share of counts far below 2^52")]
            if failed >= MIN_FAILURES && failed as f64 > rate * total as f64 {
                return Some(format!("{failed} of {total} invocations failed, more than {rate} of them"));
            }
            if total >= invocations {
                return None;
            }
        }
    };
    tokio::time::timeout(duration, too_many).await.unwrap_or(None)
}

/// Lets what an old deployment has begun come to its end, and cuts the rest at its deadline.
pub async fn drain(old: Arc<Deployment>) {
    // Every invocation holds the deployment; when this is the only one left, all have ended.
    let ended = async {
        while Arc::strong_count(&old) > 1 {
            tokio::time::sleep(DRAIN_POLL).await;
        }
    };
    if tokio::time::timeout(old.spec.swap.drain.0, ended).await.is_err() {
        let cut = Arc::strong_count(&old) - 1;
        warn!(service = old.name, version = %old.version.digest, cut, "drain deadline: the rest was cut");
    }
    old.cut.cancel();
    info!(service = old.name, version = %old.version.digest, "gone");
}
