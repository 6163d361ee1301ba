//! What a service takes before its trigger can call it: its databases.

use std::sync::Arc;
use std::time::Duration;

use componentd_core::deployment::Deployment;
use componentd_core::grant::Unprepared;
use componentd_core::registry::Service;
use componentd_core::step::Step;
use componentd_core::trigger::Trigger;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use crate::migration_turns::Turn;

/// The pauses between two looks at a database that is away.
const WAIT_FOR_DATABASE: Duration = Duration::from_secs(1);

/// The longest of them, after migrations that have failed and are not mended.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How long a database may take to answer before a service is started without it.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// How long a start waits for migrations before it lets those services serve that are ready. A database that is away is
/// known to be by then.
const FIRST_MIGRATIONS: Duration = Duration::from_secs(5);

/// What is said of migrations that take longer.
const UNDER_WAY: &str = "its migrations are under way, and it is called once they are done";

/// What keeps a service from being ready to be called, which waiting may mend; none where nothing does.
///
/// # Errors
/// Waiting does not help.
pub async fn migrate(deployment: &Deployment) -> Result<Option<String>, Unprepared> {
    let absent = deployment.granted.absent(FIRST_LOOK).await;
    if !absent.is_empty() {
        return Ok(Some(absent.join("; ")));
    }
    match deployment.granted.prepare().await {
        Ok(()) => Ok(None),
        Err(away) if away.is_away => Ok(Some(away.source.to_string())),
        Err(failed) => Err(failed),
    }
}

/// What a service waits for before it can be called.
pub enum WaitsFor {
    /// Databases that are away, and why.
    Databases(String),
    /// Migrations that take longer than a start waits for them.
    Migrations(Migrating),
}

/// Migrations under way, beside all else that the host does. Dropped, they are given up.
pub struct Migrating(AbortOnDropHandle<Migrated>);

type Migrated = Result<Option<String>, Unprepared>;

impl Migrating {
    /// Begins with the migrations, when it is their turn.
    pub fn start(deployment: &Arc<Deployment>, turn: Turn) -> Self {
        let deployment = deployment.clone();
        let migrating = async move {
            turn.begin().await;
            migrate(&deployment).await
        };
        Self(AbortOnDropHandle::new(tokio::spawn(migrating)))
    }

    /// What is left to wait for after a moment, in which most migrations end.
    ///
    /// # Errors
    /// One has failed.
    pub async fn first_look(mut self) -> Result<Option<WaitsFor>, Unprepared> {
        match tokio::time::timeout(FIRST_MIGRATIONS, self.end()).await {
            Ok(migrated) => Ok(migrated?.map(WaitsFor::Databases)),
            Err(_) => Ok(Some(WaitsFor::Migrations(self))),
        }
    }

    async fn end(&mut self) -> Migrated {
        (&mut self.0).await.expect("migrations do not panic, and are not aborted before they are dropped")
    }
}

/// Waits, and tries again until the databases are ready. Each reason is said once, however often it is met.
async fn until_migrated(service: &Service, waits_for: WaitsFor) {
    let mut migrated = match waits_for {
        WaitsFor::Databases(reason) => Ok(Some(reason)),
        WaitsFor::Migrations(mut migrating) => {
            info!(service = service.name, "{UNDER_WAY}");
            service.set_waits_for(Some(UNDER_WAY.to_owned()));
            migrating.end().await
        }
    };
    let (mut said, mut pause) = (String::new(), WAIT_FOR_DATABASE);
    loop {
        let (reason, has_failed) = match migrated {
            Ok(None) => break,
            Ok(Some(reason)) => (reason, false),
            Err(failed) => (failed.to_string(), true),
        };
        if reason != said {
            warn!(service = service.name, "waiting: {reason}");
        }
        // A database that is away is seen by whoever asks.
        service.set_waits_for(has_failed.then(|| reason.clone()));
        pause = if has_failed { LONGEST_WAIT.min(pause * 2) } else { WAIT_FOR_DATABASE };
        said = reason;
        tokio::time::sleep(pause).await;
        migrated = migrate(&service.live()).await;
    }
    service.set_waits_for(None);
    info!(service = service.name, "its databases are ready");
}

/// Waits for the databases of a service, and looks whether what runs answers its probe.
pub async fn until_ready(
    service: Arc<Service>,
    trigger: Arc<dyn Trigger>,
    waits_for: Option<WaitsFor>,
    stop: CancellationToken,
) {
    let ready = async {
        if let Some(waits_for) = waits_for {
            until_migrated(&service, waits_for).await;
            service.databases_are_ready();
        }
        try_probe(&service, &*trigger).await;
    };
    tokio::select! {
        () = ready => {}
        () = stop.cancelled() => {}
    }
}

/// What is new has no version to stay with, and the fault may be a backend's that is away: so it is said, and that is all.
async fn try_probe(service: &Service, trigger: &dyn Trigger) {
    let live = service.live();
    if let Err(error) = trigger.probe(&live).await {
        let (version, step) = (live.version.digest(), Step::Probed);
        warn!(
            service = service.name, %version,
            "what runs would not pass as a new version: {step}: {error}; see `swap.probe`"
        );
    }
}
