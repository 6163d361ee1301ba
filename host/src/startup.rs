//! What a service takes before its trigger can call it: its databases, its relays.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::capability::postgres::{MigrationError, Unmigrated, migration_files};
use crate::config::{self, Manifest};
use crate::deployment::Deployment;
use crate::error::StartError;
use crate::metrics::OutboxLabels;
use crate::outbox::Relay;
use crate::registry::Service;
use crate::swap::tried;

/// The pauses between two looks at a database that is away.
const WAIT_FOR_DATABASE: Duration = Duration::from_secs(1);

/// How long a database may take to answer before a service is started without it.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// What keeps a deployment's databases from being ready, which waiting may mend; none where nothing does.
pub async fn migrate(deployment: &Deployment) -> Result<Option<String>, Unmigrated> {
    let absent = deployment.databases.absent(FIRST_LOOK).await;
    if !absent.is_empty() {
        return Ok(Some(absent.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")));
    }
    let Err(failed) = deployment.databases.migrate(&deployment.name, &deployment.spec.grants).await else {
        return Ok(None);
    };
    match &*failed.source {
        MigrationError::Unreachable(absence) => Ok(Some(absence.to_string())),
        _ => Err(failed),
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

/// Whether the migrations of a service are files that can be applied, for all that shows without a database.
pub fn look_at_migrations(manifest: &Manifest, name: &str, spec: &config::Service) -> Result<(), StartError> {
    for (alias, grant) in &spec.grants.postgres {
        let Some(folder) = &grant.migrations else { continue };
        migration_files::read(folder).map_err(|e| {
            let place = manifest.source.place(&["services", name, "grants", "postgres", alias, "migrations"]);
            StartError::Migration { place, source: Box::new(e) }
        })?;
    }
    Ok(())
}

/// One relay for each database that a deployment publishes from.
pub fn relays(backends: &config::Backends, deployment: &Deployment) -> Result<Vec<Relay>, StartError> {
    let Deployment { name, spec, clients, databases, .. } = deployment;
    let (Some(backend), Some(_)) = (&backends.kafka, &spec.grants.kafka) else { return Ok(Vec::new()) };
    let relay = |(alias, pool, committed): (&String, _, _)| {
        let labels = OutboxLabels { service: name.clone(), database: alias.clone() };
        Relay::new(backend, pool, committed, labels, clients.metrics.clone())
    };
    let relays: Result<_, _> = databases.outboxes().map(relay).collect();
    relays.map_err(|e| StartError::backend("kafka", "brokers", &e))
}
