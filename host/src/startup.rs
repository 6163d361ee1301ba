//! What a service takes before its trigger can call it: its databases.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::deployment::Deployment;
use crate::grant::Unprepared;
use crate::registry::Service;
use crate::swap::tried;

/// The pauses between two looks at a database that is away.
const WAIT_FOR_DATABASE: Duration = Duration::from_secs(1);

/// How long a database may take to answer before a service is started without it.
const FIRST_LOOK: Duration = Duration::from_secs(2);

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

/// Tries again until the databases are ready. Each reason is said once, however often it is met.
async fn until_migrated(service: &Service, mut reason: String) {
    warn!(service = service.name, "waiting: {reason}");
    loop {
        tokio::time::sleep(WAIT_FOR_DATABASE).await;
        let now = match migrate(&service.live()).await {
            Ok(None) => break,
            Ok(Some(reason)) => reason,
            Err(failed) => failed.to_string(),
        };
        if now != reason {
            warn!(service = service.name, "waiting: {now}");
            reason = now;
        }
    }
    info!(service = service.name, "its databases are ready");
}

/// Waits for the databases of a service, and looks whether what runs answers its probe.
pub async fn until_ready(service: Arc<Service>, waits_for: Option<String>, stop: CancellationToken) {
    let ready = async {
        if let Some(reason) = waits_for {
            until_migrated(&service, reason).await;
            service.databases_are_ready();
        }
        try_probe(&service).await;
    };
    tokio::select! {
        () = ready => {}
        () = stop.cancelled() => {}
    }
}

/// At a start there is no version to stay with, and the fault may be a backend's that is away: so it is said, and that is all.
async fn try_probe(service: &Service) {
    let live = service.live();
    if let Err(rejected) = tried(&live).await {
        let (version, step) = (live.version.digest(), rejected.step());
        warn!(
            service = service.name, %version,
            "what runs would not pass as a new version: {step}: {rejected}; see `swap.probe`"
        );
    }
}
