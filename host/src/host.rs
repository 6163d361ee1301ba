//! The host as a whole: everything is made ready, then everything serves, then everything drains.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::admin;
use crate::capability::postgres::{Databases, MigrationError};
use crate::clients::Clients;
use crate::config::{self, Manifest, Trigger};
use crate::engine;
use crate::error::StartError;
use crate::ingress::{self, kafka::Consumer, listener};
use crate::loader::Loader;
use crate::metrics::OutboxLabels;
use crate::outbox::Relay;
use crate::registry::Service;

/// A running host.
pub struct Host {
    addresses: BTreeMap<String, SocketAddr>,
    services: Vec<Arc<Service>>,
    /// Listeners and consumers, which bring work in.
    ingress: JoinSet<()>,
    stop_ingress: CancellationToken,
    /// What goes on until that work is done.
    background: JoinSet<()>,
    stop_background: CancellationToken,
}

/// The name under which the admin port stands among the addresses. No service can have it, since it has a space.
const ADMIN: &str = "the admin port";

/// The pauses between two looks at a database that is away.
const WAIT_FOR_DATABASE: Duration = Duration::from_secs(1);

/// How long a backend may take to answer before the log says that it is missing.
const FIRST_LOOK_TIMEOUT: Duration = Duration::from_secs(5);

impl Host {
    /// Starts all that the manifest names: load, migrate, bind, and only then serve. A service whose database is away is
    /// started all the same, and answers 503 until the database is there.
    ///
    /// # Errors
    /// The first thing that is not as it must be. Nothing has been served then.
    pub async fn start(manifest: Manifest) -> Result<Self, StartError> {
        let clients = Clients::new(&manifest.backends)?;
        let services = load(&manifest, &clients).await?;
        for service in &services {
            prepare(service).await?;
        }
        let listeners = bind(&manifest).await?;
        let mut host = Self {
            addresses: BTreeMap::new(),
            services,
            ingress: JoinSet::new(),
            stop_ingress: CancellationToken::new(),
            background: JoinSet::new(),
            stop_background: CancellationToken::new(),
        };
        host.serve(&manifest, listeners, &clients)?;
        host.background.spawn(say_what_is_missing(clients, topics(&manifest)));
        Ok(host)
    }

    fn serve(
        &mut self,
        manifest: &Manifest,
        mut listeners: BTreeMap<String, TcpListener>,
        clients: &Clients,
    ) -> Result<(), StartError> {
        for (name, listener) in &listeners {
            let address = listener.local_addr().expect("a bound listener has an address");
            info!(listener = name, %address, "listening");
            self.addresses.insert(name.clone(), address);
        }
        for service in &self.services {
            for relay in relays(manifest, service)? {
                self.background.spawn(relay.run(self.stop_background.clone()));
            }
            let stop = self.stop_ingress.clone();
            match service.spec.trigger() {
                Trigger::Http(trigger) => {
                    let listener = listeners.remove(&service.name).expect("each HTTP service has its listener");
                    if service.is_migrated() {
                        service.set_ready(true);
                    } else {
                        self.background.spawn(until_ready(service.clone(), stop.clone()));
                    }
                    self.ingress.spawn(ingress::http::serve(listener, service.clone(), trigger.clone(), stop));
                }
                Trigger::Kafka(trigger) => {
                    let consumer = consumer(manifest, service, trigger, clients)?;
                    self.ingress.spawn(consume_when_ready(service.clone(), consumer, stop));
                }
            }
        }
        if let (Some(listener), Some(admin)) = (listeners.remove(ADMIN), &manifest.admin) {
            let (services, clients) = (self.services.clone(), clients.clone());
            let stop = self.stop_background.clone();
            self.background.spawn(admin::serve(listener, services, clients, admin.mailbox.clone(), stop));
        }
        Ok(())
    }

    /// Where a service listens, with the port that it got where the manifest says 0.
    pub fn address(&self, service: &str) -> Option<SocketAddr> {
        self.addresses.get(service).copied()
    }

    /// Where the admin port listens.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.address(ADMIN)
    }

    /// Stops accepting, lets requests and records in flight come to their end or their deadline, sends what they have
    /// published, commits, and returns.
    pub async fn stop(mut self) {
        self.stop_ingress.cancel();
        ended(&mut self.ingress).await;
        for service in &self.services {
            // Also those whose client has gone; their own deadline bounds the wait.
            service.admission.idle().await;
        }
        self.stop_background.cancel();
        ended(&mut self.background).await;
    }
}

async fn ended(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        ended.expect("the tasks of the host do not panic");
    }
}

/// Checks that the manifest's components can be loaded; connects to nothing and serves nothing.
///
/// # Errors
/// The first one that cannot.
pub async fn check(manifest: &Manifest) -> Result<Vec<Arc<Service>>, StartError> {
    load(manifest, &Clients::default()).await
}

async fn load(manifest: &Manifest, clients: &Clients) -> Result<Vec<Arc<Service>>, StartError> {
    let loader = engine::start().and_then(Loader::new).map_err(StartError::Engine)?;
    let mut services = Vec::new();
    for (name, spec) in &manifest.services {
        let version = loader.load(name, spec).await.map_err(|source| StartError::load(name, source))?;
        info!(service = name, version = %version.digest, component = %spec.component.display(), "loaded");
        let databases = Databases::new(manifest.backends.postgres.as_ref(), spec)
            .map_err(|e| StartError::backend("postgres", "url", &e))?;
        let engine = loader.engine().clone();
        let service = Service::new(name.clone(), spec.clone(), engine, clients.clone(), databases, version);
        services.push(Arc::new(service));
    }
    Ok(services)
}

/// Makes a service's databases ready, if they are there.
///
/// # Errors
/// A migration failed, which waiting does not mend.
async fn prepare(service: &Service) -> Result<(), StartError> {
    match service.databases.migrate(&service.spec.grants).await {
        Ok(()) => service.set_migrated(),
        Err(e @ MigrationError::Unreachable { .. }) => {
            warn!(service = service.name, "waiting: {e}; see `url` under [backends.postgres]");
        }
        Err(e) => return Err(StartError::Migration { service: service.name.clone(), source: Box::new(e) }),
    }
    Ok(())
}

/// Waits for a service's databases, and then lets its trigger call it.
async fn until_migrated(service: &Service) {
    while !service.is_migrated() {
        tokio::time::sleep(WAIT_FOR_DATABASE).await;
        if let Err(failed) = prepare(service).await {
            error!("{failed}");
        }
    }
}

async fn until_ready(service: Arc<Service>, stop: CancellationToken) {
    tokio::select! {
        () = until_migrated(&service) => service.set_ready(true),
        () = stop.cancelled() => {}
    }
}

async fn consume_when_ready(service: Arc<Service>, consumer: Consumer, stop: CancellationToken) {
    tokio::select! {
        () = until_migrated(&service) => {}
        () = stop.cancelled() => {}
    }
    consumer.run(stop).await;
}

/// The host runs on without them; whoever started it should know.
async fn say_what_is_missing(clients: Clients, topics: Vec<String>) {
    for missing in clients.missing(topics, FIRST_LOOK_TIMEOUT).await {
        warn!("{missing}");
    }
}

/// One relay for each database that a service publishes from.
fn relays(manifest: &Manifest, service: &Service) -> Result<Vec<Relay>, StartError> {
    let (Some(backend), Some(_)) = (&manifest.backends.kafka, &service.spec.grants.kafka) else {
        return Ok(Vec::new());
    };
    let relay = |(alias, pool, committed): (&String, _, _)| {
        let labels = OutboxLabels { service: service.name.clone(), database: alias.clone() };
        Relay::new(backend, pool, committed, labels, service.clients.metrics.clone())
    };
    let relays: Result<_, _> = service.databases.outboxes().map(relay).collect();
    relays.map_err(|e| StartError::backend("kafka", "brokers", &e))
}

/// Every topic that the manifest names.
fn topics(manifest: &Manifest) -> Vec<String> {
    let of_service = |service: &config::Service| {
        let mut topics = service.grants.kafka.as_ref().map_or_else(Vec::new, |grant| grant.produce.clone());
        if let Trigger::Kafka(trigger) = service.trigger() {
            topics.extend([trigger.topic.clone(), trigger.dead_letter.clone()]);
        }
        topics
    };
    let mut topics: Vec<String> = manifest.services.values().flat_map(of_service).collect();
    topics.sort();
    topics.dedup();
    topics
}

async fn bind(manifest: &Manifest) -> Result<BTreeMap<String, TcpListener>, StartError> {
    let services = manifest.services.iter().filter_map(|(name, service)| match service.trigger() {
        Trigger::Http(trigger) => Some((name.as_str(), trigger.listen)),
        Trigger::Kafka(_) => None,
    });
    let admin = manifest.admin.iter().map(|admin| (ADMIN, admin.listen));
    let mut listeners = BTreeMap::new();
    for (owner, address) in services.chain(admin) {
        let owner = owner.to_owned();
        let listener = listener::bind(address).await.map_err(|source| StartError::Listen {
            owner: owner.clone(),
            address,
            source,
        })?;
        listeners.insert(owner, listener);
    }
    Ok(listeners)
}

fn consumer(
    manifest: &Manifest,
    service: &Arc<Service>,
    trigger: &config::KafkaTrigger,
    clients: &Clients,
) -> Result<Consumer, StartError> {
    let backend = manifest.backends.kafka.as_ref().expect("a manifest is checked to name the brokers");
    let producer = clients.producer.clone().expect("there is a producer where there are brokers");
    Consumer::new(backend, trigger, service.clone(), producer).map_err(|e| StartError::backend("kafka", "brokers", &e))
}
