//! A component that was found for a service and fits it, and what it will run with. Nothing of it is compiled yet.

use std::sync::Arc;

use componentd_config as config;
use componentd_core::artifact::Artifact;
use componentd_core::digest::Digest;
use componentd_core::error::StartError;
use componentd_core::granted::Granted;
use componentd_core::load_error::LoadError;
use componentd_core::loader::Checked;

use super::ReconcileError;
use super::plan::{Change, Plan};
use super::prepared::Prepared;
use crate::supervisor::Supervisor;
use crate::swapper::Swapper;
use crate::upcoming::{Upcoming, With};

/// A component for a service that changes.
pub(super) struct Found<'a> {
    change: &'a Change<'a>,
    checked: Checked,
    with: With,
    /// The content of the component's file that this decides about.
    file: Option<Digest>,
}

impl<'a> Found<'a> {
    /// Reads what shows without a compiler and without a server: the component's imports and exports, and the files of
    /// migrations.
    pub(super) async fn new(
        supervisor: &Supervisor,
        plan: &Plan<'_>,
        change: &'a Change<'a>,
    ) -> Result<Self, ReconcileError> {
        let Change { name, spec, way } = change;
        let granted = granted(supervisor, plan, change)?;
        granted.check().map_err(|e| StartError::unprepared(plan.wanted, name, e))?;
        let content = content(&supervisor.swapper, change).await;
        let (artifact, file) = content.map_err(|e| StartError::load(plan.wanted, name, e))?;
        let digest = artifact.digest.clone();
        let checked = supervisor.swapper.loader.check(artifact, spec, &granted);
        let checked = checked.map_err(|e| plan.rejected(supervisor, name, way, &digest, e.into()))?;
        Ok(Self { change, checked, with: With { spec: (*spec).clone(), granted }, file })
    }

    /// Compiles it, and takes what its trigger needs, as a port.
    pub(super) async fn load(self, supervisor: &Supervisor, plan: &Plan<'_>) -> Result<Prepared, ReconcileError> {
        let Self { change: Change { name, way, .. }, checked, with, file } = self;
        let digest = checked.artifact.digest.clone();
        let upcoming = Upcoming::load(&supervisor.swapper, name, checked, with, way.clone(), plan.by).await;
        let upcoming = upcoming.map_err(|rejected| plan.rejected(supervisor, name, way, &digest, rejected))?;
        Prepared::new(supervisor, plan, upcoming, file).await
    }
}

/// What is live may be another version than the file's, after a rollback say, and stays so.
async fn content(swapper: &Swapper, change: &Change<'_>) -> Result<(Artifact, Option<Digest>), LoadError> {
    let path = &change.spec.component;
    match change.way.running() {
        Some(service) if service.live().spec.component == *path => {
            Ok((service.live().version.artifact.clone(), service.file()))
        }
        Some(_) => Artifact::read(path).await.map(|artifact| (artifact.clone(), Some(artifact.digest))),
        None => swapper.first(change.name, path).await.map(|(artifact, file)| (artifact, Some(file))),
    }
}

/// The grants of what is live, where they are the same and are used by the same bounds.
fn granted(supervisor: &Supervisor, plan: &Plan<'_>, change: &Change<'_>) -> Result<Arc<Granted>, StartError> {
    let Change { name, spec, way } = change;
    match way.running().map(|service| service.live()).filter(|live| has_same_grants(&live.spec, spec)) {
        Some(live) => Ok(live.granted.clone()),
        None => supervisor.grant(plan.wanted, name, spec).map(Arc::new).map_err(StartError::Config),
    }
}

/// Whether what one may do, the other may, by the same bounds.
fn has_same_grants(one: &config::Service, other: &config::Service) -> bool {
    one.grants == other.grants && one.limits == other.limits && one.config == other.config
}
