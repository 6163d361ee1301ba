//! A service that is ready to take its place: nothing calls it yet, and nothing of it can fail any more.

use std::sync::Arc;

use tracing::info;

use super::ReconcileError;
use super::plan::{Change, Plan, Way};
use crate::artifact::Artifact;
use crate::config;
use crate::deployment::Deployment;
use crate::digest::Digest;
use crate::dispatch;
use crate::error::StartError;
use crate::grant::Background;
use crate::granted::Granted;
use crate::history::{By, History};
use crate::load_error::LoadError;
use crate::loader::Version;
use crate::registry::Service;
use crate::rejected::Rejected;
use crate::startup::{migrate, until_ready};
use crate::supervisor::Supervisor;
use crate::swap::{Swapper, tried};
use crate::trigger::{Ingress, Preparing, Source};

/// A service before it takes its place.
pub struct Prepared {
    way: Way,
    /// What runs already, or a new one, whose live deployment is `next`.
    service: Arc<Service>,
    next: Arc<Deployment>,
    /// The content of the component's file that has been decided about.
    file: Option<Digest>,
    /// What will call it; none where that stays as it is.
    source: Option<Box<dyn Source>>,
    /// What will work beside its invocations; nothing where that works already.
    background: Vec<Background>,
    /// What keeps its databases from being ready.
    waits_for: Option<String>,
}

/// A service that has taken its place, and what was there before, if the service itself is the same.
pub struct Switched {
    service: Arc<Service>,
    next: Arc<Deployment>,
    old: Option<Arc<Deployment>>,
}

impl Prepared {
    /// Loads its component, and takes what its trigger needs, as a port.
    pub async fn load(supervisor: &Supervisor, plan: &Plan<'_>, change: &Change<'_>) -> Result<Self, ReconcileError> {
        let Change { name, spec, way } = change;
        let (next, file) = deployment(supervisor, plan, change).await?;
        let new = |history| Arc::new(Service::new(next.clone(), History::from(history), file.clone()));
        let service = match way {
            Way::Start => new(supervisor.swapper.archive.history(name)),
            Way::Replace(old) => new(old.history.entries()),
            Way::Reopen(service) | Way::Swap(service) => service.clone(),
        };
        let source = match way {
            Way::Swap(_) => None,
            Way::Start | Way::Replace(_) | Way::Reopen(_) => {
                let Swapper { clients, metrics, .. } = &supervisor.swapper;
                let (service, manifest, ports) = (&service, &plan.wanted.source, supervisor);
                let preparing = Preparing { service, spec, manifest, clients, metrics, ports };
                Some(next.version.trigger.prepare(preparing).await?)
            }
        };
        let way = way.clone();
        Ok(Self { way, service, next, file, source, background: Vec::new(), waits_for: None })
    }

    /// Makes its databases ready. Where they are away, a service that does not run yet may wait for them.
    pub async fn migrate(&mut self, supervisor: &Supervisor, plan: &Plan<'_>) -> Result<(), ReconcileError> {
        let waits_for = match migrate(&self.next).await {
            Ok(waits_for) => waits_for,
            Err(unmigrated) => return Err(self.rejected(supervisor, plan, unmigrated.into())),
        };
        match waits_for {
            Some(reason) if !self.may_wait() && self.has_other_databases() => {
                Err(self.rejected(supervisor, plan, Rejected::Away(reason)))
            }
            waits_for => {
                self.waits_for = waits_for.filter(|_| self.may_wait());
                Ok(())
            }
        }
    }

    /// It does not run yet, or waits already.
    fn may_wait(&self) -> bool {
        match &self.way {
            Way::Start | Way::Replace(_) => true,
            Way::Reopen(service) | Way::Swap(service) => !service.has_databases(),
        }
    }

    /// Those of what is live were made ready before.
    fn has_other_databases(&self) -> bool {
        let live = self.service.live();
        live.spec.component != self.next.spec.component || live.spec.grants != self.next.spec.grants
    }

    /// Whether it does what it should. At a start that is looked at when all run: its probe may call the others.
    pub async fn try_out(&self, supervisor: &Supervisor, plan: &Plan<'_>) -> Result<(), ReconcileError> {
        let tried = match &self.way {
            Way::Start if plan.by == By::Start => return Ok(()),
            Way::Start => self.instantiate().await,
            _ if self.waits_for.is_some() => self.instantiate().await,
            Way::Replace(_) => tried(&self.next).await,
            Way::Reopen(service) | Way::Swap(service) => self.try_beside(supervisor, service).await,
        };
        tried.map_err(|rejected| self.rejected(supervisor, plan, rejected))
    }

    async fn instantiate(&self) -> Result<(), Rejected> {
        dispatch::instantiate(&self.next).await.map_err(Rejected::Instance)
    }

    async fn try_beside(&self, supervisor: &Supervisor, service: &Arc<Service>) -> Result<(), Rejected> {
        tried(&self.next).await?;
        if self.next.is_same(&service.live()) {
            return Ok(());
        }
        supervisor.swapper.try_out(service, &self.next).await
    }

    /// Makes what will work beside its invocations, as relays, which do not send yet.
    pub fn connect(&mut self) -> Result<(), StartError> {
        let has_its = |service: &Arc<Service>| Arc::ptr_eq(&service.live().granted, &self.next.granted);
        if !self.way.running().is_some_and(has_its) {
            self.background = self.next.granted.background()?;
        }
        Ok(())
    }

    /// Takes its place: one atomic store for what answers, and another server for what listens.
    pub fn switch(self, supervisor: &Supervisor) -> Switched {
        let Self { way, service, next, file, source, background, waits_for } = self;
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
                ingress.tasks.spawn(until_ready(service.clone(), waits_for, ingress.stop.clone()));
            }
            source.open(&service, &mut ingress);
            supervisor.run(service.clone(), ingress);
        }
        Switched { service, next, old }
    }

    /// Refused, which the history of what runs has as well.
    fn rejected(&self, supervisor: &Supervisor, plan: &Plan<'_>, rejected: Rejected) -> ReconcileError {
        self.note(supervisor, &rejected);
        ReconcileError::of(rejected, plan.wanted, &self.service.name)
    }

    fn note(&self, supervisor: &Supervisor, rejected: &Rejected) {
        if let Some(service) = self.way.running() {
            supervisor.swapper.note_rejected(service, self.next.version.digest(), By::Manifest, rejected);
        }
    }
}

impl Switched {
    /// What went live is noted, and kept for a restart, now that it has.
    pub fn note(self, supervisor: &Supervisor, by: By) {
        match self.old {
            Some(old) => supervisor.swapper.has_gone_live(&self.service, old, &self.next, by),
            None => supervisor.swapper.note_live(&self.service, by),
        }
    }
}

/// What will run, and the content of the component's file that this decides about.
async fn deployment(
    supervisor: &Supervisor,
    plan: &Plan<'_>,
    change: &Change<'_>,
) -> Result<(Arc<Deployment>, Option<Digest>), ReconcileError> {
    let (swapper, Change { name, spec, way }) = (&supervisor.swapper, change);
    let live = way.running().map(|service| service.live());
    let granted = match &live {
        Some(live) if has_same_grants(&live.spec, spec) => live.granted.clone(),
        _ => Arc::new(supervisor.grant(plan.wanted, name, spec).map_err(StartError::Config)?),
    };
    granted.check().map_err(|e| StartError::unprepared(plan.wanted, name, e))?;
    let content = content(swapper, change).await;
    let (artifact, file) = content.map_err(|e| StartError::load(plan.wanted, name, e))?;
    let version = match &live {
        Some(live) if is_checked(live, &artifact, spec) => live.version.clone(),
        _ => load(swapper, plan, change, artifact, &granted).await?,
    };
    Ok((Arc::new(swapper.deployment((*spec).clone(), granted, version)), file))
}

/// Whether what one may do, the other may, by the same bounds.
fn has_same_grants(one: &config::Service, other: &config::Service) -> bool {
    one.grants == other.grants && one.limits == other.limits && one.config == other.config
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

/// Whether a version was made of this component, and checked against such a trigger and such grants.
fn is_checked(live: &Deployment, artifact: &Artifact, spec: &config::Service) -> bool {
    let is_called_so = live.version.trigger.key() == spec.trigger().key();
    *live.version.digest() == artifact.digest && live.spec.grants == spec.grants && is_called_so
}

async fn load(
    swapper: &Swapper,
    plan: &Plan<'_>,
    change: &Change<'_>,
    artifact: Artifact,
    granted: &Granted,
) -> Result<Arc<Version>, ReconcileError> {
    let Change { name, spec, way } = change;
    let digest = artifact.digest.clone();
    match swapper.loader.load(artifact, spec, granted).await {
        Ok(version) => {
            info!(service = name, version = %digest, component = %spec.component.display(), "loaded");
            Ok(Arc::new(version))
        }
        Err(error) => {
            let rejected = Rejected::Load(error);
            if let Some(service) = way.running() {
                swapper.note_rejected(service, &digest, By::Manifest, &rejected);
            }
            Err(ReconcileError::of(rejected, plan.wanted, name))
        }
    }
}
