//! The life of a version: found, checked, compiled, migrated, probed, (canary,) live, watched, drained.
//!
//! Until it is live, a refusal at any step leaves everything as it is. Going live is one atomic store.

use std::sync::Arc;

use componentd_core::artifact::{Artifact, Source};
use componentd_core::deployment::Deployment;
use componentd_core::digest::Digest;
use componentd_core::history::{By, Outcome};
use componentd_core::registry::Service;
use componentd_core::step::Step;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::migration_turns::Turn;
use crate::rejected::Rejected;
use crate::stop_at::taken;
use crate::swapper::Swapper;
use crate::upcoming::{Upcoming, Way, With};
use crate::watch::{TooManyFailures, watch};

impl Swapper {
    /// Brings a component to life behind `service`, which its caller keeps from others meanwhile. Returns its digest. It is given
    /// up where whoever has asked for it is `gone` before it is compiled.
    ///
    /// # Errors
    /// The step that refused it, and why. The service runs on as it was.
    pub async fn swap(
        &self,
        service: &Arc<Service>,
        artifact: Artifact,
        gone: &CancellationToken,
    ) -> Result<Digest, Rejected> {
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
        match self.bring_up(service, &live, artifact, by, gone).await {
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
        gone: &CancellationToken,
    ) -> Result<Arc<Deployment>, Rejected> {
        let Deployment { name, spec, granted, .. } = live;
        let checked = self.loader.check(artifact, spec, granted)?;
        let with = With { spec: spec.clone(), granted: granted.clone() };
        let load = Upcoming::load(self, name, checked, with, Way::Swap(service.clone()), by);
        let mut upcoming = gone.run_until_cancelled(load).await.unwrap_or(Err(Rejected::GivenUp))?;
        upcoming.keep(self)?;
        upcoming.migrate(Turn::default()).await?;
        upcoming.try_out().await?;
        if self.services.has(service) { Ok(upcoming.next) } else { Err(Rejected::Stopped) }
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
