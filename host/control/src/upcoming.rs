//! A version on its way: the steps that it takes before it is live, the same at a start, at an edit of the manifest and at a
//! swap. Nothing calls it yet.

use std::sync::Arc;

use componentd_config as config;
use componentd_core::deployment::Deployment;
use componentd_core::dispatch;
use componentd_core::granted::Granted;
use componentd_core::history::By;
use componentd_core::loader::{Checked, Version};
use componentd_core::registry::Service;
use componentd_core::step::Step;
use componentd_core::trigger::Trigger;
use tracing::{info, warn};

use crate::migration_turns::Turn;
use crate::rejected::Rejected;
use crate::startup::{Migrating, WaitsFor, migrate};
use crate::stop_at::taken;
use crate::swapper::Swapper;
use crate::watch::watch;

/// How a version takes its place.
#[derive(Clone)]
pub enum Way {
    /// Nothing runs by the service's name.
    Start,
    /// Its trigger is another one, or its trigger's settings are, and do not change under a service: what runs ends.
    Replace(Arc<Service>),
    /// The settings of its trigger are others: the service stays.
    Reopen(Arc<Service>),
    /// It is called as before.
    Swap(Arc<Service>),
}

impl Way {
    /// What runs by its name now.
    pub fn running(&self) -> Option<&Arc<Service>> {
        match self {
            Self::Start => None,
            Self::Replace(service) | Self::Reopen(service) | Self::Swap(service) => Some(service),
        }
    }
}

/// What a version will run with.
pub struct With {
    /// What the manifest says of the service.
    pub spec: config::Service,
    /// What it may do.
    pub granted: Arc<Granted>,
}

/// A version on its way.
pub struct Upcoming {
    /// The version, linked, with all that it runs with.
    pub next: Arc<Deployment>,
    /// How it takes its place.
    pub way: Way,
    /// What will call it.
    pub trigger: Arc<dyn Trigger>,
    by: By,
    /// What keeps its databases from being ready.
    pub waits_for: Option<WaitsFor>,
}

impl Upcoming {
    /// Compiles a component that was checked, unless it is what runs, and instantiates it. That needs nothing but itself, and
    /// leaves no trace.
    ///
    /// # Errors
    /// It is no component, is not what the trigger calls, or does not start.
    pub async fn load(
        swapper: &Swapper,
        name: &str,
        checked: Checked,
        with: With,
        way: Way,
        by: By,
    ) -> Result<Self, Rejected> {
        taken(Step::Checked, by);
        let version = version(swapper, name, checked, &way).await?;
        taken(Step::Compiled, by);
        let trigger = swapper.triggers.of(&with.spec).clone();
        let next = Arc::new(swapper.deployment(with.spec, with.granted, version));
        dispatch::instantiate(&next).await.map_err(Rejected::Instance)?;
        taken(Step::Instantiated, by);
        Ok(Self { next, way, trigger, by, waits_for: None })
    }

    /// Keeps it in the state folder. At a start nothing runs that could go on instead, so what cannot be kept runs all the
    /// same.
    ///
    /// # Errors
    /// The state folder cannot be written.
    pub fn keep(&self, swapper: &Swapper) -> Result<(), Rejected> {
        match swapper.archive.save(&self.next.name, &self.next.version.artifact).map_err(Rejected::Archive) {
            Err(error) if self.by == By::Start => {
                warn!(service = self.next.name, %error, "this version ends with the process");
            }
            kept => kept?,
        }
        taken(Step::Archived, self.by);
        Ok(())
    }

    /// Makes its databases ready. Where they are away, a service that is not ready itself may wait for them.
    ///
    /// # Errors
    /// They are away, or a migration fails; those before it stay applied.
    pub async fn migrate(&mut self, turn: Turn) -> Result<(), Rejected> {
        if self.by == By::Start {
            self.waits_for = Migrating::start(&self.next, turn).first_look().await?;
            return Ok(());
        }
        turn.begin().await;
        match migrate(&self.next).await? {
            Some(reason) if !self.may_wait() && self.has_new_migrations() => return Err(Rejected::Away(reason)),
            reason => self.waits_for = reason.filter(|_| self.may_wait()).map(WaitsFor::Databases),
        }
        taken(Step::Migrated, self.by);
        Ok(())
    }

    /// It does not run yet, or waits already.
    fn may_wait(&self) -> bool {
        match &self.way {
            Way::Start | Way::Replace(_) => true,
            Way::Reopen(service) | Way::Swap(service) => !service.has_databases(),
        }
    }

    /// Those of what is live were applied before.
    fn has_new_migrations(&self) -> bool {
        let is_known = |live: Arc<Deployment>| {
            live.version.digest() == self.next.version.digest() && live.spec.grants == self.next.spec.grants
        };
        !self.way.running().is_some_and(|service| is_known(service.live()))
    }

    /// Whether it does what it should: its probe, and its canary where something runs that has the other requests. What is new
    /// is probed once it runs, since its probe may call others that are new.
    ///
    /// # Errors
    /// It does not.
    pub async fn try_out(&self) -> Result<(), Rejected> {
        match &self.way {
            Way::Start => Ok(()),
            _ if self.waits_for.is_some() => Ok(()),
            Way::Replace(_) => self.probe().await,
            Way::Reopen(service) | Way::Swap(service) => {
                self.probe().await?;
                self.canary(service).await
            }
        }
    }

    async fn probe(&self) -> Result<(), Rejected> {
        self.trigger.probe(&self.next).await.map_err(Rejected::Probe)?;
        taken(Step::Probed, self.by);
        Ok(())
    }

    /// A share of the requests, watched as closely as what is live. None where only the way in which it is called changes.
    async fn canary(&self, service: &Service) -> Result<(), Rejected> {
        let Self { next, .. } = self;
        let Some(canary) = next.spec.swap.canary.filter(|_| !next.is_same(&service.live())) else { return Ok(()) };
        info!(service = service.name, version = %next.version.digest(), percent = canary.percent, "canary");
        let _share = service.start_canary(next.clone(), canary.percent);
        watch(&next.outcomes, &next.spec.swap, canary.duration.0, u64::MAX).await.map_err(Rejected::Canary)?;
        taken(Step::Canary, self.by);
        Ok(())
    }
}

async fn version(swapper: &Swapper, name: &str, checked: Checked, way: &Way) -> Result<Arc<Version>, Rejected> {
    let live = way.running().map(|service| service.live());
    match live.map(|live| live.version.clone()).filter(|version| is_of(version, &checked)) {
        Some(version) => Ok(version),
        None => Ok(Arc::new(swapper.loader.build(name, checked).await?)),
    }
}

/// Whether it is made of that component, and called by that trigger.
fn is_of(version: &Version, Checked { artifact, entry_point, .. }: &Checked) -> bool {
    *version.digest() == artifact.digest && version.entry_point.key() == entry_point.key()
}
