//! The host as a whole: everything is made ready, then everything serves, then everything drains.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::admin;
use crate::capability::postgres::Databases;
use crate::clients::{Clients, START_TIMEOUT};
use crate::config::{self, Manifest, Trigger};
use crate::engine;
use crate::error::StartError;
use crate::ingress::{self, kafka::Consumer, listener};
use crate::loader::Loader;
use crate::registry::Service;

/// A running host.
pub struct Host {
    addresses: BTreeMap<String, SocketAddr>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// The name under which the admin port stands among the addresses. No service can have it, since it has a space.
const ADMIN: &str = "the admin port";

impl Host {
    /// Starts all that the manifest names: load, connect, migrate, bind, and only then serve.
    ///
    /// # Errors
    /// The first thing that is not as it must be. Nothing has been served then.
    pub async fn start(manifest: Manifest) -> Result<Self, StartError> {
        let clients = Clients::new(&manifest.backends)?;
        let services = load(&manifest, &clients).await?;
        clients.ping(topics(&manifest), START_TIMEOUT).await?;
        migrate(&services).await?;
        let listeners = bind(&manifest).await?;
        let mut host = Self { addresses: BTreeMap::new(), stop: CancellationToken::new(), tasks: JoinSet::new() };
        host.serve(&manifest, services, listeners, clients)?;
        Ok(host)
    }

    fn serve(
        &mut self,
        manifest: &Manifest,
        services: Vec<Arc<Service>>,
        mut listeners: BTreeMap<String, TcpListener>,
        clients: Clients,
    ) -> Result<(), StartError> {
        for (name, listener) in &listeners {
            let address = listener.local_addr().expect("a bound listener has an address");
            info!(listener = name, %address, "listening");
            self.addresses.insert(name.clone(), address);
        }
        for service in &services {
            let stop = self.stop.clone();
            match service.spec.trigger() {
                Trigger::Http(trigger) => {
                    let listener = listeners.remove(&service.name).expect("each HTTP service has its listener");
                    self.tasks.spawn(ingress::http::serve(listener, service.clone(), trigger.clone(), stop));
                }
                Trigger::Kafka(trigger) => {
                    let consumer = consumer(manifest, service, trigger, &clients)?;
                    self.tasks.spawn(consumer.run(stop));
                }
            }
        }
        if let (Some(listener), Some(admin)) = (listeners.remove(ADMIN), &manifest.admin) {
            let mailbox = admin.mailbox.clone();
            self.tasks.spawn(admin::serve(listener, services, clients, mailbox, self.stop.clone()));
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

    /// Stops accepting, lets requests and records in flight come to their end or their deadline, commits, and returns.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("a trigger does not panic");
        }
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

async fn migrate(services: &[Arc<Service>]) -> Result<(), StartError> {
    for service in services {
        let migrated = service.databases.migrate(&service.spec.grants.postgres).await;
        migrated.map_err(|e| StartError::Migration { service: service.name.clone(), source: Box::new(e) })?;
    }
    Ok(())
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
