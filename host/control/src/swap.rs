//! The life of a version: found, checked, compiled, migrated, probed, (canary,) live, watched, drained.
//!
//! Until it is live, a refusal at any step leaves everything as it is. Going live is one atomic store.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::broadcast;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::archive::{Archive, Live};
use crate::events::Event;
use crate::migration_turns::Turn;
use crate::rejected::Rejected;
use crate::stop_at::taken;
use crate::upcoming::{Upcoming, Way, With};
use crate::watch::{TooManyFailures, watch};
use componentd_config as config;
use componentd_core::artifact::{Artifact, Source};
use componentd_core::clients::Clients;
use componentd_core::deployment::Deployment;
use componentd_core::digest::Digest;
use componentd_core::granted::Granted;
use componentd_core::history::{By, Entry, Outcome};
use componentd_core::instances::Pool;
use componentd_core::load_error::LoadError;
use componentd_core::loader::{Loader, Version};
use componentd_core::metrics::Metrics;
use componentd_core::registry::{Directory, Service};
use componentd_core::step::Step;

/// Puts versions behind services.
#[derive(Clone)]
pub struct Swapper {
    pub loader: Loader,
    pub pool: Pool,
    pub clients: Clients,
    /// The services that run.
    pub services: Directory,
    pub metrics: Arc<Metrics>,
    pub archive: Archive,
    /// What becomes of versions, for programs that embed the host.
    pub events: broadcast::Sender<Event>,
    /// Watches and drains that are going on.
    pub tasks: TaskTracker,
}

impl Swapper {
    /// Brings a component to life behind `service`, which its caller keeps from others meanwhile. Returns its digest.
    ///
    /// # Errors
    /// The step that refused it, and why. The service runs on as it was.
    pub async fn swap(&self, service: &Arc<Service>, artifact: Artifact) -> Result<Digest, Rejected> {
        let (digest, by, live) = (artifact.digest.clone(), asked_by(&artifact.source), service.live());
        if let Source::File(path) = &artifact.source {
            if live.spec.component != *path || !artifact.is_current().await {
                // While this one waited; the newer content, or the other file, has its own turn.
                return Ok(digest);
            }
            service.set_file(Some(digest.clone()));
        }
        if digest == *live.version.digest() {
            self.remember(service);
            return Ok(digest);
        }
        taken(Step::Found, by);
        match self.bring_up(service, &live, artifact, by).await {
            Ok(next) => {
                self.go_live(service, next, by);
                Ok(digest)
            }
            Err(rejected) => {
                warn!(service = service.name, version = %digest, step = %rejected.step(), reason = %rejected, "rejected");
                self.note_rejected(service, &digest, by, &rejected);
                Err(rejected)
            }
        }
    }

    /// All steps before live.
    async fn bring_up(
        &self,
        service: &Arc<Service>,
        live: &Deployment,
        artifact: Artifact,
        by: By,
    ) -> Result<Arc<Deployment>, Rejected> {
        let Deployment { name, spec, granted, .. } = live;
        let checked = self.loader.check(artifact, spec, granted)?;
        let with = With { spec: spec.clone(), granted: granted.clone() };
        let mut upcoming = Upcoming::load(self, name, checked, with, Way::Swap(service.clone()), by).await?;
        upcoming.keep(self)?;
        upcoming.migrate(Turn::default()).await?;
        upcoming.try_out().await?;
        if self.services.has(service) { Ok(upcoming.next) } else { Err(Rejected::Stopped) }
    }

    /// A deployment that nothing calls yet.
    pub fn deployment(&self, spec: config::Service, granted: Arc<Granted>, version: Arc<Version>) -> Deployment {
        let (pool, metrics) = (self.pool.clone(), self.metrics.clone());
        Deployment::new(spec, pool, metrics, granted, version)
    }

    /// The switch, and what goes on after it.
    fn go_live(&self, service: &Arc<Service>, next: Arc<Deployment>, by: By) {
        let old = service.publish(next.clone());
        taken(Step::Live, by);
        self.has_gone_live(service, old, &next, by);
    }

    /// What goes on after the switch from `old` to `next`: the drain of the one, the watch over the other.
    pub fn has_gone_live(&self, service: &Arc<Service>, old: Arc<Deployment>, next: &Arc<Deployment>, by: By) {
        info!(service = service.name, version = %next.version.digest(), old = %old.version.digest(), ?by, "live");
        self.note_live(service, by);
        let fallback = Arc::new(old.again(&next.spec));
        self.tasks.spawn(drain(old));
        if !fallback.is_same(next) {
            self.tasks.spawn(self.clone().watch_over(service.clone(), next.clone(), fallback));
        }
    }

    /// Ends with the version that it is over: the old one's code would stay in memory for as long as the watch lasts.
    async fn watch_over(self, service: Arc<Service>, next: Arc<Deployment>, fallback: Arc<Deployment>) {
        let swap = &next.spec.swap;
        let watched = watch(&next.outcomes, swap, swap.watch.0, swap.watch_requests);
        let Some(Err(failures)) = next.cut.run_until_cancelled(watched).await else { return };
        if self.services.has(&service) {
            self.go_back(&service, next, fallback, &failures).await;
        }
    }

    /// Goes back to the old version, unless yet another one is live by now. It waits for no swap that is under way: what is
    /// live fails.
    async fn go_back(
        &self,
        service: &Service,
        failed: Arc<Deployment>,
        fallback: Arc<Deployment>,
        failures: &TooManyFailures,
    ) {
        let (digest, reason) = (fallback.version.digest().clone(), failures.to_string());
        if !service.publish_instead(&failed, fallback) {
            return;
        }
        warn!(service = service.name, version = %failed.version.digest(), back_to = %digest, reason, "rolled back");
        self.note(service, failed.version.digest(), By::Watch, Outcome::RolledBack { reason });
        self.note(service, &digest, By::Watch, Outcome::Live);
        drain(failed).await;
    }

    pub fn note_live(&self, service: &Service, by: By) {
        self.note(service, service.live().version.digest(), by, Outcome::Live);
    }

    pub fn note_rejected(&self, service: &Service, digest: &Digest, by: By, rejected: &Rejected) {
        let (step, reason) = (rejected.step(), rejected.to_string());
        self.note(service, digest, by, Outcome::Rejected { step, reason });
    }

    /// Into the history, and into what a restart goes by.
    fn note(&self, service: &Service, digest: &Digest, by: By, outcome: Outcome) {
        let entry = Entry::now(digest.full(), by, outcome);
        if let Err(error) = self.archive.append(&service.name, &entry) {
            warn!(service = service.name, %error, "the state folder cannot be written; a restart loses this history");
        }
        // Nobody may listen.
        let _ = self.events.send(Event { service: service.name.clone(), entry: entry.clone() });
        service.history.push(entry);
        self.remember(service);
    }

    /// What is live, and which content of the file has been decided about: a restart tries no content twice.
    fn remember(&self, service: &Service) {
        let version = service.live().version.digest().full();
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
    pub async fn first(&self, name: &str, path: &Path) -> Result<(Artifact, Digest), LoadError> {
        let file = Artifact::read(path).await?;
        let (digest, full) = (file.digest.clone(), file.digest.full());
        let other = self.archive.live(name).filter(|live| live.file == full && live.version != full);
        let live = other.and_then(|live| self.archive.version(name, &live.version));
        Ok((live.unwrap_or(file), digest))
    }
}

/// What asks for a version that comes from there while a service runs.
fn asked_by(source: &Source) -> By {
    match source {
        Source::File(_) => By::File,
        Source::Upload => By::Upload,
        Source::Program => By::Program,
        Source::Archive => By::Rollback,
    }
}

/// Lets what an old deployment has begun come to its end, and cuts the rest at its deadline.
pub async fn drain(old: Arc<Deployment>) {
    let cut = old.in_flight.drain(old.spec.swap.drain.0).await;
    if cut > 0 {
        warn!(service = old.name, version = %old.version.digest(), cut, "drain deadline: the rest was cut");
    }
    old.cut.cancel();
    info!(service = old.name, version = %old.version.digest(), "gone");
}
