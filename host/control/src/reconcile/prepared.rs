//! A service that is ready to take its place: nothing calls it yet, and nothing of it can fail any more.

use std::sync::Arc;

use componentd_core::deployment::Deployment;
use componentd_core::digest::Digest;
use componentd_core::error::StartError;
use componentd_core::grant::Background;
use componentd_core::history::{By, History};
use componentd_core::registry::Service;
use componentd_core::trigger::{Ingress, Preparing, Source};

use super::ReconcileError;
use super::plan::Plan;
use crate::migration_turns::{Turn, Turns};
use crate::rejected::Rejected;
use crate::startup::until_ready;
use crate::supervisor::Supervisor;
use crate::swapper::Swapper;
use crate::upcoming::{Upcoming, Way};

/// A service before it takes its place.
pub(super) struct Prepared {
    upcoming: Upcoming,
    /// What runs already, or a new one, whose live deployment is the upcoming one.
    service: Arc<Service>,
    /// The content of the component's file that has been decided about.
    file: Option<Digest>,
    /// What will call it; none where that stays as it is.
    source: Option<Box<dyn Source>>,
    /// What will work beside its invocations; nothing where that works already.
    background: Vec<Background>,
}

/// A service that has taken its place, and what was there before, if the service itself is the same.
pub(super) struct Switched {
    service: Arc<Service>,
    next: Arc<Deployment>,
    old: Option<Arc<Deployment>>,
}

impl Prepared {
    /// A service for a version that was loaded, with what its trigger needs, as a port.
    pub(super) async fn new(
        supervisor: &Supervisor,
        plan: &Plan<'_>,
        upcoming: Upcoming,
        file: Option<Digest>,
    ) -> Result<Self, ReconcileError> {
        let Upcoming { next, way, .. } = &upcoming;
        let new = |history| Arc::new(Service::new(next.clone(), History::from(history), file.clone()));
        let service = match way {
            Way::Start => new(supervisor.swapper.archive.history(&next.name)),
            Way::Replace(old) => new(old.history.entries()),
            Way::Reopen(service) | Way::Swap(service) => service.clone(),
        };
        let source = match way {
            Way::Swap(_) => None,
            Way::Start | Way::Replace(_) | Way::Reopen(_) => {
                let Swapper { clients, metrics, .. } = &supervisor.swapper;
                let (service, spec, manifest, ports) = (&service, &next.spec, &plan.wanted.source, supervisor);
                let kept = supervisor.swapper.archive.kept(&service.name);
                let preparing = Preparing { service, spec, manifest, clients, metrics, kept, ports };
                Some(upcoming.trigger.prepare(preparing).await?)
            }
        };
        Ok(Self { upcoming, service, file, source, background: Vec::new() })
    }

    /// Keeps its version in the state folder.
    pub(super) fn keep(&self, supervisor: &Supervisor, plan: &Plan<'_>) -> Result<(), ReconcileError> {
        self.upcoming.keep(&supervisor.swapper).map_err(|rejected| self.rejected(supervisor, plan, rejected))
    }

    /// Makes its databases ready.
    pub(super) async fn migrate(
        &mut self,
        supervisor: &Supervisor,
        plan: &Plan<'_>,
        turn: Turn,
    ) -> Result<(), ReconcileError> {
        let migrated = self.upcoming.migrate(turn).await;
        migrated.map_err(|rejected| self.rejected(supervisor, plan, rejected))
    }

    /// Whether it does what it should.
    pub(super) async fn try_out(&self, supervisor: &Supervisor, plan: &Plan<'_>) -> Result<(), ReconcileError> {
        let tried = self.upcoming.try_out().await;
        tried.map_err(|rejected| self.rejected(supervisor, plan, rejected))
    }

    /// Its turn among those that migrate the same databases.
    pub(super) fn turn(&self, turns: &mut Turns) -> Turn {
        turns.next(&self.upcoming.next.granted)
    }

    /// Makes what will work beside its invocations, as relays, which do not send yet.
    pub(super) fn connect(&mut self) -> Result<(), StartError> {
        let Upcoming { next, way, .. } = &self.upcoming;
        let has_its = |service: &Arc<Service>| Arc::ptr_eq(&service.live().granted, &next.granted);
        if !way.running().is_some_and(has_its) {
            self.background = next.granted.background()?;
        }
        Ok(())
    }

    /// Takes its place: one atomic store for what answers, and another server for what listens.
    pub(super) fn switch(self, supervisor: &Supervisor) -> Switched {
        let Self { upcoming: Upcoming { next, way, trigger, waits_for, .. }, service, file, source, background } = self;
        supervisor.work_beside(background, &next.granted);
        service.set_file(file);
        let old = match way {
            Way::Start | Way::Replace(_) => None,
            Way::Reopen(_) | Way::Swap(_) => Some(service.publish(next.clone())),
        };
        if waits_for.is_none() {
            service.databases_are_ready();
        }
        if let Some(source) = source {
            let mut ingress = Ingress::default();
            // One that is new is looked at once it runs.
            if waits_for.is_some() || old.is_none() {
                ingress.tasks.spawn(until_ready(service.clone(), trigger, waits_for, ingress.stop.clone()));
            }
            source.open(&service, &mut ingress);
            supervisor.run(service.clone(), ingress);
        }
        Switched { service, next, old }
    }

    fn rejected(&self, supervisor: &Supervisor, plan: &Plan<'_>, rejected: Rejected) -> ReconcileError {
        let Upcoming { next, way, .. } = &self.upcoming;
        plan.rejected(supervisor, &next.name, way, next.version.digest(), rejected)
    }
}

impl Switched {
    /// What went live is noted for a restart, now that it has.
    pub(super) fn note(self, supervisor: &Supervisor, by: By) {
        match self.old {
            Some(old) => supervisor.swapper.has_gone_live(&self.service, old, &self.next, by),
            None => supervisor.swapper.note_live(&self.service, by),
        }
    }
}
