//! An edited manifest as a transaction: plan, prepare everything, commit; or nothing at all.
//!
//! All that can fail is prepared beside what runs, which notices nothing of it. Only databases may be changed by then: their
//! migrations run before the services that need them do, and must suit the versions before as well.

mod found;
mod plan;
mod prepared;

use componentd_config::{Manifest, Place};
use componentd_core::error::StartError;
use futures_util::future::{join_all, try_join_all};

use self::found::Found;
use self::plan::Plan;
use self::prepared::Prepared;
use crate::migration_turns::Turns;
use crate::rejected::Rejected;
use crate::supervisor::Supervisor;

/// What a manifest has changed, by the names of services.
#[derive(Debug, Default)]
pub struct Applied {
    /// New ones.
    pub started: Vec<String>,
    /// Those that run by another version, or other settings.
    pub changed: Vec<String>,
    /// Those that the manifest does not have any more.
    pub stopped: Vec<String>,
}

/// Why a manifest is not applied. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// A key that is read only at a start has changed.
    #[error("{0}: can only be changed by a restart of the host")]
    NeedsRestart(Place),
    /// Something that a start would fail of too.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A version of a service did not take one of its steps.
    #[error("{place}: not {}: {source}", source.step())]
    Rejected {
        /// Where the manifest names it.
        place: Place,
        /// Why.
        source: Box<Rejected>,
    },
    /// The host was told to stop.
    #[error("the host stops")]
    Stopping,
}

impl ReconcileError {
    /// Why a service cannot be as a manifest has it, with the place there that is about it.
    fn of(rejected: Rejected, manifest: &Manifest, service: &str) -> Self {
        let at = |keys: &[&str]| manifest.source.place(&[&["services", service], keys].concat());
        let place = match rejected {
            Rejected::Load(error) => return StartError::load(manifest, service, error).into(),
            Rejected::Unprepared(error) => return StartError::unprepared(manifest, service, error).into(),
            Rejected::Away(_) => at(&["grants"]),
            Rejected::Probe(_) => at(&["swap", "probe"]),
            Rejected::Canary(_) => at(&["swap", "canary"]),
            _ => at(&["component"]),
        };
        Self::Rejected { place, source: Box::new(rejected) }
    }

    /// Why the host did not start.
    pub fn at_start(self) -> StartError {
        match self {
            Self::Start(error) => error,
            Self::Rejected { place, source } => StartError::Rejected { place, step: source.step(), source },
            other => unreachable!("at the start nothing runs that could stay: {other}"),
        }
    }
}

impl Applied {
    /// What runs is what the manifest says, and was before.
    pub fn is_nothing(&self) -> bool {
        let Self { started, changed, stopped } = self;
        started.is_empty() && changed.is_empty() && stopped.is_empty()
    }
}

impl Supervisor {
    /// Makes what runs what the manifest says. Services that it does not change are not touched.
    ///
    /// # Errors
    /// Something of it cannot be done, and so nothing of it has been.
    pub async fn reconcile(&self, wanted: Manifest) -> Result<Applied, ReconcileError> {
        let mut current = self.applied.lock().await;
        unchangeable(&current, &wanted)?;
        self.swapper.clients.check(&wanted).map_err(StartError::Config)?;
        let plan = Plan::new(self, &wanted);
        let prepare = async {
            // Held up to the commit: no swap comes in between.
            let turns = plan.turns().await;
            Ok((turns, prepare(self, &plan).await?))
        };
        let prepared = self.stopping.run_until_cancelled(prepare).await;
        let (turns, prepared) = prepared.unwrap_or(Err(ReconcileError::Stopping))?;
        let applied = commit(self, &plan, prepared);
        drop(turns);
        *current = wanted;
        Ok(applied)
    }
}

/// What every service has in common cannot be changed under them.
fn unchangeable(current: &Manifest, wanted: &Manifest) -> Result<(), ReconcileError> {
    let parts = [
        ("backends", current.backends != wanted.backends),
        ("admin", current.admin != wanted.admin),
        ("host", current.host != wanted.host),
    ];
    match parts.into_iter().find(|(_, is_changed)| *is_changed) {
        Some((key, _)) => Err(ReconcileError::NeedsRestart(wanted.source.place(&[key]))),
        None => Ok(()),
    }
}

/// Everything that can fail; first what leaves no trace, for all services. Components are compiled side by side, and so are
/// the databases of services migrated.
async fn prepare(supervisor: &Supervisor, plan: &Plan<'_>) -> Result<Vec<Prepared>, ReconcileError> {
    let mut found = Vec::new();
    for change in &plan.changes {
        found.push(Found::new(supervisor, plan, change).await?);
    }
    let mut prepared = try_join_all(found.into_iter().map(|found| found.load(supervisor, plan))).await?;
    prepared.iter().try_for_each(|service| service.keep(supervisor, plan))?;
    let mut turns = Turns::default();
    let migrations = prepared.iter_mut().map(|service| {
        let turn = service.turn(&mut turns);
        service.migrate(supervisor, plan, turn)
    });
    // Each to its end, also where another one fails: none is given up half-way.
    let migrated = join_all(migrations).await;
    migrated.into_iter().collect::<Result<(), _>>()?;
    try_join_all(prepared.iter().map(|service| service.try_out(supervisor, plan))).await?;
    connect(prepared).await
}

async fn connect(mut prepared: Vec<Prepared>) -> Result<Vec<Prepared>, ReconcileError> {
    match prepared.iter_mut().try_for_each(|service| service.connect()) {
        Ok(()) => Ok(prepared),
        Err(error) => {
            // Dropping clients of Kafka blocks.
            tokio::task::spawn_blocking(move || drop(prepared)).await.expect("dropping does not panic");
            Err(error.into())
        }
    }
}

/// Nothing here can fail or wait. Listeners that are handed on are open all the while.
fn commit(supervisor: &Supervisor, plan: &Plan<'_>, prepared: Vec<Prepared>) -> Applied {
    let stopped: Vec<_> = plan.stopped.iter().filter_map(|name| supervisor.take(name)).collect();
    let switched: Vec<_> = prepared.into_iter().map(|service| service.switch(supervisor)).collect();
    stopped.into_iter().for_each(|service| supervisor.retire(service));
    switched.into_iter().for_each(|service| service.note(supervisor, plan.by));
    plan.applied()
}
