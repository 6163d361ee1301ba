//! What is to be done, by comparing what really runs with what a manifest says.

use std::sync::Arc;

use componentd_config::{self as config, Manifest};
use componentd_core::digest::Digest;
use componentd_core::history::By;
use componentd_core::registry::Service;
use componentd_core::trigger::Triggers;
use tokio::sync::MutexGuard;
use tracing::info;

use super::{Applied, ReconcileError};
use crate::rejected::Rejected;
use crate::supervisor::Supervisor;
use crate::upcoming::Way;

/// What is to be done.
pub(super) struct Plan<'a> {
    pub wanted: &'a Manifest,
    pub by: By,
    pub changes: Vec<Change<'a>>,
    /// Services that are not wanted any more.
    pub stopped: Vec<String>,
}

/// A service that is not as it is wanted.
pub(super) struct Change<'a> {
    pub name: &'a str,
    pub spec: &'a config::Service,
    pub way: Way,
}

impl<'a> Plan<'a> {
    pub(super) fn new(supervisor: &Supervisor, wanted: &'a Manifest) -> Self {
        let running = supervisor.services();
        let by = if running.is_empty() { By::Start } else { By::Manifest };
        let change = |(name, spec): (&'a String, &'a config::Service)| {
            let way = way(supervisor.service(name), spec, &supervisor.swapper.triggers)?;
            Some(Change { name, spec, way })
        };
        let changes = wanted.services.iter().filter_map(change).collect();
        let stopped = running.iter().filter(|service| !wanted.services.contains_key(&service.name));
        Self { wanted, by, changes, stopped: stopped.map(|service| service.name.clone()).collect() }
    }

    /// Keeps other versions from going live in the services that change, once those under way have come to their end.
    pub(super) async fn turns(&self) -> Vec<MutexGuard<'_, ()>> {
        let mut turns = Vec::new();
        for service in self.changes.iter().filter_map(|change| change.way.running()) {
            turns.push(match service.swapping.try_lock() {
                Ok(turn) => turn,
                Err(_) => {
                    info!(service = service.name, "the manifest waits for a swap that is under way");
                    service.swapping.lock().await
                }
            });
        }
        turns
    }

    /// Why a version is refused, which the history of what runs has as well.
    pub(super) fn rejected(
        &self,
        supervisor: &Supervisor,
        name: &str,
        way: &Way,
        digest: &Digest,
        rejected: Rejected,
    ) -> ReconcileError {
        if let Some(service) = way.running() {
            supervisor.swapper.note_rejected(service, digest, By::Manifest, &rejected);
        }
        ReconcileError::of(rejected, self.wanted, name)
    }

    /// What has been done, once it has.
    pub(super) fn applied(&self) -> Applied {
        let (changed, started): (Vec<_>, Vec<_>) =
            self.changes.iter().partition(|change| change.way.running().is_some());
        let names = |changes: Vec<&Change<'_>>| changes.iter().map(|change| change.name.to_owned()).collect();
        Applied { started: names(started), changed: names(changed), stopped: self.stopped.clone() }
    }
}

/// None where it is as it is wanted. What counts is what runs, which may be less than a manifest has asked for.
fn way(running: Option<Arc<Service>>, wanted: &config::Service, triggers: &Triggers) -> Option<Way> {
    let Some(service) = running else { return Some(Way::Start) };
    let live = service.live();
    if live.spec == *wanted {
        return None;
    }
    let (trigger, old, new) = (triggers.of(wanted), live.spec.trigger(), wanted.trigger());
    Some(match () {
        () if old == new => Way::Swap(service),
        () if old.key() == new.key() && trigger.keeps_service() => Way::Reopen(service),
        () => Way::Replace(service),
    })
}
