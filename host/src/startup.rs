//! What a service takes before it can be called: its databases, its port, its consumer, its relays.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::capability::postgres::{MigrationError, Unmigrated, migration_files};
use crate::clients::Clients;
use crate::config::{self, Manifest};
use crate::deployment::Deployment;
use crate::error::StartError;
use crate::ingress::{kafka::Consumer, listener};
use crate::metrics::OutboxLabels;
use crate::outbox::Relay;
use crate::registry::Service;
use crate::swap::tried;

/// The pauses between two looks at a database that is away.
const WAIT_FOR_DATABASE: Duration = Duration::from_secs(1);

/// The pauses between two tries for a port that another service is about to close.
const WAIT_FOR_PORT: Duration = Duration::from_millis(20);

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

/// Makes the service ready once its databases are, and looks whether what runs answers its probe.
pub async fn until_ready(service: Arc<Service>, waits_for: Option<String>, stop: CancellationToken) {
    let ready = async {
        if let Some(reason) = waits_for {
            until_migrated(&service, reason).await;
            service.set_ready(true);
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

/// Calls the service with records until `stop`. When it ends, for whatever reason, the service cannot be called any more.
pub async fn consume(service: Arc<Service>, consumer: Consumer, waits_for: Option<String>, stop: CancellationToken) {
    let _unready = Unready(service.clone());
    let ready = async {
        if let Some(reason) = waits_for {
            until_migrated(&service, reason).await;
        }
        try_probe(&service).await;
    };
    tokio::select! {
        () = ready => {}
        () = consumer.idle() => {}
        () = stop.cancelled() => {}
    }
    consumer.run(stop).await;
}

struct Unready(Arc<Service>);

impl Drop for Unready {
    fn drop(&mut self) {
        self.0.set_ready(false);
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

/// A listener at `address`. While `is_closing`, the port is one that this process itself gives up, and is waited for.
pub async fn bind(address: SocketAddr, is_closing: impl Fn() -> bool) -> io::Result<TcpListener> {
    loop {
        let is_closing = is_closing();
        match listener::bind(address).await {
            Err(taken) if is_closing && taken.kind() == io::ErrorKind::AddrInUse => {
                tokio::time::sleep(WAIT_FOR_PORT).await;
            }
            bound => return bound,
        }
    }
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

/// The consumer of a service, which joins its group when it runs.
pub fn consumer(
    backends: &config::Backends,
    service: &Arc<Service>,
    trigger: &config::KafkaTrigger,
    clients: &Clients,
) -> Result<Consumer, StartError> {
    let backend = backends.kafka.as_ref().expect("a manifest is checked to name the brokers");
    let producer = clients.producer.clone().expect("there is a producer where there are brokers");
    let consumer = Consumer::new(backend, trigger, service.clone(), producer, clients.metrics.clone());
    consumer.map_err(|e| StartError::backend("kafka", "brokers", &e))
}
