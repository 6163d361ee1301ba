//! The services that run: started, changed and stopped as the manifest says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::capability::postgres::{Databases, MigrationError};
use crate::clients::Clients;
use crate::config::{self, Manifest, Trigger};
use crate::deployment::Deployment;
use crate::digest::Digest;
use crate::error::StartError;
use crate::history::{By, History, Outcome};
use crate::ingress::{self, kafka::Consumer, listener};
use crate::loader;
use crate::metrics::OutboxLabels;
use crate::outbox::Relay;
use crate::registry::Service;
use crate::swap::{Candidate, Rejected, Swapper};

/// The pauses between two looks at a database that is away.
const WAIT_FOR_DATABASE: Duration = Duration::from_secs(1);

/// How long a database may take to answer before a service is started without it.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// Everything that runs.
pub struct Supervisor {
    pub swapper: Swapper,
    manifest: tokio::sync::Mutex<Manifest>,
    running: Mutex<BTreeMap<String, Running>>,
    /// Listeners and consumers, which bring work in; a child of it stops each service.
    stop_ingress: CancellationToken,
    ingress: TaskTracker,
    /// What goes on until that work is done: relays.
    stop_background: CancellationToken,
    background: TaskTracker,
}

/// A service and how to stop it.
struct Running {
    service: Arc<Service>,
    address: Option<SocketAddr>,
    stop_ingress: CancellationToken,
    stop_relays: CancellationToken,
}

/// A service that is ready to be run.
struct Prepared {
    service: Arc<Service>,
    listener: Option<TcpListener>,
    is_migrated: bool,
}

/// Why an edited manifest is not applied.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    #[error("`{0}` can only be changed by a restart of the host")]
    NeedsRestart(&'static str),
    #[error(transparent)]
    Start(#[from] StartError),
    /// The others are applied.
    #[error("service {service}: {source}")]
    Rejected { service: String, source: Rejected },
}

impl ReconcileError {
    /// Why the host did not start.
    pub fn at_start(self) -> StartError {
        match self {
            Self::Start(error) => error,
            other => unreachable!("at the start there is nothing to change: {other}"),
        }
    }
}

impl Supervisor {
    /// A supervisor of nothing yet.
    pub fn new(manifest: &Manifest, swapper: Swapper) -> Self {
        let nothing = Manifest { services: BTreeMap::new(), ..manifest.clone() };
        Self {
            swapper,
            manifest: tokio::sync::Mutex::new(nothing),
            running: Mutex::default(),
            stop_ingress: CancellationToken::new(),
            ingress: TaskTracker::new(),
            stop_background: CancellationToken::new(),
            background: TaskTracker::new(),
        }
    }

    /// Makes what runs what the manifest says. Services that it does not change are not touched.
    ///
    /// # Errors
    /// Something that is new cannot be started, and then nothing has changed; or a changed service was rejected.
    pub async fn reconcile(self: &Arc<Self>, wanted: Manifest) -> Result<(), ReconcileError> {
        let mut current = self.manifest.lock().await;
        unchangeable(&current, &wanted)?;
        let mut prepared = Vec::new();
        for (name, spec) in &wanted.services {
            match current.services.get(name) {
                Some(old) if same_trigger(old, spec) => {}
                Some(old) => prepared.push(self.prepare(name, spec, same_listener(old, spec)).await?),
                None => prepared.push(self.prepare(name, spec, false).await?),
            }
        }
        for name in current.services.keys().filter(|name| !wanted.services.contains_key(*name)) {
            self.stop_one(name);
        }
        for prepared in prepared {
            self.stop_one(&prepared.service.name);
            self.run(&wanted, prepared)?;
        }
        let changed = current.services.iter().filter_map(|(name, old)| {
            let new = wanted.services.get(name)?;
            (same_trigger(old, new) && old != new).then(|| (name.clone(), old.clone(), new.clone()))
        });
        let mut rejected = Ok(());
        for (name, old, new) in changed.collect::<Vec<_>>() {
            if let Err(source) = self.change(&wanted, &name, &old, new).await {
                rejected = Err(ReconcileError::Rejected { service: name, source });
            }
        }
        *current = wanted;
        rejected
    }

    /// Loads a service's component, makes its databases ready if they are there, and takes its port.
    async fn prepare(&self, name: &str, spec: &config::Service, in_turn: bool) -> Result<Prepared, StartError> {
        let path = &spec.component;
        let Swapper { loader, archive, .. } = &self.swapper;
        let (bytes, file) = self.swapper.first_bytes(name, path).await.map_err(|e| StartError::load(name, e))?;
        let version = loader.load(path, bytes, name, spec).await.map_err(|e| StartError::load(name, e))?;
        info!(service = name, version = %version.digest, component = %path.display(), "loaded");
        if let Err(error) = archive.save(name, &version.digest, &version.bytes) {
            warn!(service = name, %error, "the state folder cannot be written; versions end with this process");
        }
        let databases = Databases::new(self.swapper.backends.postgres.as_ref(), spec)
            .map_err(|e| StartError::backend("postgres", "url", &e))?;
        let digest = version.digest.clone();
        let deployment = self.swapper.deployment(name, spec.clone(), databases, version);
        let is_migrated = migrate(&deployment).await?;
        let service = Arc::new(Service::new(deployment, History::from(archive.history(name)), Some(file)));
        self.swapper.note(&service, &digest, By::Start, Outcome::Live);
        if in_turn {
            // The port changes hands: it is ours until the service of before lets go of it.
            self.stop_one(name);
        }
        let listener = bind(name, spec).await?;
        Ok(Prepared { service, listener, is_migrated })
    }

    fn run(self: &Arc<Self>, manifest: &Manifest, prepared: Prepared) -> Result<(), StartError> {
        let Prepared { service, listener, is_migrated } = prepared;
        let address = listener.as_ref().map(|listener| listener.local_addr().expect("it is bound"));
        let stop = self.stop_ingress.child_token();
        let spec = service.live().spec.clone();
        match (spec.trigger(), listener) {
            (Trigger::Http(trigger), Some(listener)) => {
                let address = listener.local_addr().expect("it is bound");
                info!(listener = service.name, %address, "listening");
                if is_migrated {
                    service.set_ready(true);
                } else {
                    self.ingress.spawn(until_ready(service.clone(), stop.clone()));
                }
                self.ingress.spawn(ingress::http::serve(listener, service.clone(), trigger.clone(), stop.clone()));
            }
            (Trigger::Kafka(trigger), _) => {
                let consumer = consumer(manifest, &service, trigger, &self.swapper.clients)?;
                self.ingress.spawn(consume(service.clone(), consumer, is_migrated, stop.clone()));
            }
            (Trigger::Http(_), None) => unreachable!("a listener is bound for each HTTP service"),
        }
        let stop_relays = self.run_relays(manifest, &service)?;
        let running = Running { service: service.clone(), address, stop_ingress: stop, stop_relays };
        self.running().insert(service.name.clone(), running);
        Ok(())
    }

    fn run_relays(&self, manifest: &Manifest, service: &Service) -> Result<CancellationToken, StartError> {
        let stop = self.stop_background.child_token();
        for relay in relays(manifest, service)? {
            self.background.spawn(relay.run(stop.clone()));
        }
        Ok(stop)
    }

    /// Stops what brings work in; its relays go on until that work is done.
    fn stop_one(&self, name: &str) {
        let Some(running) = self.running().remove(name) else { return };
        info!(service = name, "stopping");
        running.stop_ingress.cancel();
        let live = running.service.live();
        drop(running.service);
        self.background.spawn(async move {
            crate::swap::drain(live).await;
            running.stop_relays.cancel();
        });
    }

    /// A service whose trigger is the same: another component, other grants, limits or configuration.
    async fn change(
        self: &Arc<Self>,
        manifest: &Manifest,
        name: &str,
        old: &config::Service,
        new: config::Service,
    ) -> Result<(), Rejected> {
        let Some(service) = self.service(name) else { return Ok(()) };
        let path = new.component.clone();
        // What is live may be another version than the file's, after a rollback say, and stays so.
        let bytes = if old.component == path {
            service.live().version.bytes.clone()
        } else {
            let bytes = loader::read(&path).await.map_err(|e| Rejected { step: e.step(), reason: e.to_string() })?;
            service.set_file(Some(Digest::of(&bytes)));
            bytes
        };
        let publishes_elsewhere = old.grants != new.grants || old.limits != new.limits;
        self.swapper.swap(&service, Candidate { path: &path, bytes, spec: new, by: By::Manifest }).await?;
        if publishes_elsewhere {
            let relays = self.run_relays(manifest, &service);
            let relays = relays.map_err(|e| Rejected { step: "live", reason: e.to_string() })?;
            if let Some(running) = self.running().get_mut(name) {
                std::mem::replace(&mut running.stop_relays, relays).cancel();
            }
        }
        Ok(())
    }

    /// Brings other bytes to life behind a service, with the manifest as it is.
    ///
    /// # Errors
    /// The step that refused them, and why; step `found` where there is no such service.
    pub async fn swap(&self, name: &str, path: &Path, bytes: Arc<[u8]>, by: By) -> Result<Digest, Rejected> {
        let Some(service) = self.service(name) else {
            return Err(Rejected { step: "found", reason: format!("there is no service {name}") });
        };
        let spec = service.live().spec.clone();
        self.swapper.swap(&service, Candidate { path, bytes, spec, by }).await
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn services(&self) -> Vec<Arc<Service>> {
        self.running().values().map(|running| running.service.clone()).collect()
    }

    pub fn service(&self, name: &str) -> Option<Arc<Service>> {
        self.running().get(name).map(|running| running.service.clone())
    }

    /// Where a service listens.
    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        self.running().get(name)?.address
    }

    /// The component file of each service, and the content of it that has been decided about.
    pub fn components(&self) -> Vec<(String, PathBuf, Option<Digest>)> {
        let component =
            |service: Arc<Service>| (service.name.clone(), service.live().spec.component.clone(), service.file());
        self.services().into_iter().map(component).collect()
    }

    /// Stops accepting, lets requests and records in flight come to their end or their deadline, sends what they have
    /// published, and returns.
    pub async fn stop(&self) {
        self.stop_ingress.cancel();
        self.ingress.close();
        self.ingress.wait().await;
        for service in self.services() {
            // Also those whose client has gone; their own deadline bounds the wait.
            service.live().admission.idle().await;
        }
        self.stop_background.cancel();
        self.background.close();
        self.background.wait().await;
    }
}

/// What every service has in common cannot be changed under them.
fn unchangeable(current: &Manifest, wanted: &Manifest) -> Result<(), ReconcileError> {
    if current.backends != wanted.backends {
        return Err(ReconcileError::NeedsRestart("backends"));
    }
    if current.admin != wanted.admin {
        return Err(ReconcileError::NeedsRestart("admin"));
    }
    if current.host != wanted.host {
        return Err(ReconcileError::NeedsRestart("host"));
    }
    Ok(())
}

fn same_trigger(old: &config::Service, new: &config::Service) -> bool {
    match (old.trigger(), new.trigger()) {
        (Trigger::Http(old), Trigger::Http(new)) => old == new,
        (Trigger::Kafka(old), Trigger::Kafka(new)) => old == new,
        _ => false,
    }
}

fn same_listener(old: &config::Service, new: &config::Service) -> bool {
    match (old.trigger(), new.trigger()) {
        (Trigger::Http(old), Trigger::Http(new)) => old.listen == new.listen,
        _ => false,
    }
}

/// Makes a deployment's databases ready; false where they are away, which waiting mends.
async fn migrate(deployment: &Deployment) -> Result<bool, StartError> {
    if deployment.databases.ping(FIRST_LOOK).await.is_err() {
        let names: Vec<_> = deployment.spec.grants.postgres.values().map(|grant| grant.database.as_str()).collect();
        say_waiting(deployment, &format!("the database {:?} cannot be reached", names.join(", ")));
        return Ok(false);
    }
    match deployment.databases.migrate(&deployment.spec.grants).await {
        Ok(()) => Ok(true),
        Err(e @ MigrationError::Unreachable { .. }) => {
            say_waiting(deployment, &e.to_string());
            Ok(false)
        }
        Err(e) => Err(StartError::Migration { service: deployment.name.clone(), source: Box::new(e) }),
    }
}

fn say_waiting(deployment: &Deployment, reason: &str) {
    warn!(service = deployment.name, "waiting: {reason}; see `url` under [backends.postgres]");
}

async fn until_migrated(service: &Service) {
    loop {
        tokio::time::sleep(WAIT_FOR_DATABASE).await;
        match migrate(&service.live()).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(failed) => error!("{failed}"),
        }
    }
}

async fn until_ready(service: Arc<Service>, stop: CancellationToken) {
    tokio::select! {
        () = until_migrated(&service) => service.set_ready(true),
        () = stop.cancelled() => {}
    }
}

async fn consume(service: Arc<Service>, consumer: Consumer, is_migrated: bool, stop: CancellationToken) {
    if !is_migrated {
        tokio::select! {
            () = until_migrated(&service) => {}
            () = stop.cancelled() => {}
        }
    }
    consumer.run(stop).await;
}

async fn bind(name: &str, spec: &config::Service) -> Result<Option<TcpListener>, StartError> {
    let Trigger::Http(trigger) = spec.trigger() else { return Ok(None) };
    let address = trigger.listen;
    let listen = |source| StartError::Listen { owner: name.to_owned(), address, source };
    listener::bind(address).await.map(Some).map_err(listen)
}

/// One relay for each database that a service publishes from.
fn relays(manifest: &Manifest, service: &Service) -> Result<Vec<Relay>, StartError> {
    let live = service.live();
    let (Some(backend), Some(_)) = (&manifest.backends.kafka, &live.spec.grants.kafka) else { return Ok(Vec::new()) };
    let relay = |(alias, pool, committed): (&String, _, _)| {
        let labels = OutboxLabels { service: service.name.clone(), database: alias.clone() };
        Relay::new(backend, pool, committed, labels, live.clients.metrics.clone())
    };
    let relays: Result<_, _> = live.databases.outboxes().map(relay).collect();
    relays.map_err(|e| StartError::backend("kafka", "brokers", &e))
}

fn consumer(
    manifest: &Manifest,
    service: &Arc<Service>,
    trigger: &config::KafkaTrigger,
    clients: &Clients,
) -> Result<Consumer, StartError> {
    let backend = manifest.backends.kafka.as_ref().expect("a manifest is checked to name the brokers");
    let producer = clients.producer.clone().expect("there is a producer where there are brokers");
    let consumer = Consumer::new(backend, trigger, service.clone(), producer, clients.metrics.clone());
    consumer.map_err(|e| StartError::backend("kafka", "brokers", &e))
}
