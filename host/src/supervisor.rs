//! The services that run: started, changed and stopped as the manifest says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::capability::postgres::{Databases, Unmigrated};
use crate::config::{self, Manifest, Trigger};
use crate::digest::Digest;
use crate::error::StartError;
use crate::history::{By, History, Outcome};
use crate::ingress;
use crate::loader;
use crate::registry::Service;
use crate::startup::{bind, consume, consumer, look_at_migrations, migrate, relays, until_ready};
use crate::swap::{Candidate, Rejected, Swapper};

/// Everything that runs.
pub struct Supervisor {
    pub swapper: Swapper,
    /// No longer ready, though it may accept for a while yet.
    pub stopping: CancellationToken,
    manifest: tokio::sync::Mutex<Manifest>,
    running: Mutex<BTreeMap<String, Running>>,
    /// What goes on until the work of a service is done: relays.
    stop_background: CancellationToken,
    background: TaskTracker,
}

/// A service and how to stop it.
struct Running {
    service: Arc<Service>,
    address: Option<SocketAddr>,
    /// Held so that the port can be handed on; given up before the server stops, which then sees to whoever has connected.
    listener: Option<Arc<TcpListener>>,
    /// Its listener or consumer, which brings work in.
    ingress: TaskTracker,
    stop_ingress: CancellationToken,
    stop_relays: CancellationToken,
}

impl Running {
    /// Whether its component may call that service.
    fn may_call(&self, callee: &Self) -> bool {
        let is_there = |grant: &config::HttpGrant| {
            let at_its_port = callee.address.is_some_and(|address| grant.origin.port() == Some(address.port()));
            grant.origin.internal_service() == Some(&callee.service.name) || grant.private && at_its_port
        };
        self.service.live().spec.grants.http.iter().any(is_there)
    }
}

/// A service that is ready to be run.
struct Prepared {
    service: Arc<Service>,
    listener: Option<Arc<TcpListener>>,
    /// What keeps its databases from being ready.
    waits_for: Option<String>,
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
            stopping: CancellationToken::new(),
            manifest: tokio::sync::Mutex::new(nothing),
            running: Mutex::default(),
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
                Some(old) if same_trigger(old, spec) && self.service(name).is_some() => {}
                Some(old) => prepared.push(self.prepare(&wanted, name, spec, same_listener(old, spec)).await?),
                None => prepared.push(self.prepare(&wanted, name, spec, false).await?),
            }
        }
        for name in current.services.keys().filter(|name| !wanted.services.contains_key(*name)) {
            self.stop_one(name, false);
        }
        for mut prepared in prepared {
            let handed_on = self.stop_one(&prepared.service.name, prepared.listener.is_none());
            prepared.listener = prepared.listener.or(handed_on);
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
    async fn prepare(
        &self,
        manifest: &Manifest,
        name: &str,
        spec: &config::Service,
        in_turn: bool,
    ) -> Result<Prepared, StartError> {
        look_at_migrations(manifest, name, spec)?;
        let path = &spec.component;
        let Swapper { loader, archive, .. } = &self.swapper;
        let load = |e| StartError::load(manifest, name, e);
        let (bytes, file) = self.swapper.first_bytes(name, path).await.map_err(load)?;
        let version = loader.load(path, bytes, name, spec).await.map_err(load)?;
        info!(service = name, version = %version.digest, component = %path.display(), "loaded");
        if let Err(error) = archive.save(name, &version.digest, &version.bytes) {
            warn!(service = name, %error, "the state folder cannot be written; versions end with this process");
        }
        let databases = Databases::new(self.swapper.backends.postgres.as_ref(), spec)
            .map_err(|e| StartError::backend("postgres", "url", &e))?;
        let digest = version.digest.clone();
        let deployment = self.swapper.deployment(name, spec.clone(), databases, version);
        let waits_for = migrate(&deployment).await.map_err(|Unmigrated { alias, source }| {
            let place = manifest.source.place(&["services", name, "grants", "postgres", &alias]);
            StartError::Migration { place, source }
        })?;
        let service = Arc::new(Service::new(deployment, History::from(archive.history(name)), Some(file)));
        self.swapper.note(&service, &digest, By::Start, Outcome::Live);
        let has_port = in_turn && self.running().get(name).is_some_and(|running| running.listener.is_some());
        let listener = if has_port { None } else { bind(manifest, name, spec).await?.map(Arc::new) };
        Ok(Prepared { service, listener, waits_for })
    }

    fn run(self: &Arc<Self>, manifest: &Manifest, prepared: Prepared) -> Result<(), StartError> {
        let Prepared { service, listener, waits_for } = prepared;
        let address = listener.as_ref().map(|listener| listener.local_addr().expect("it is bound"));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let spec = service.live().spec.clone();
        match (spec.trigger(), listener.clone()) {
            (Trigger::Http(trigger), Some(listener)) => {
                let address = listener.local_addr().expect("it is bound");
                info!(listener = service.name, %address, "listening");
                if waits_for.is_none() {
                    service.set_ready(true);
                }
                tasks.spawn(until_ready(service.clone(), waits_for, stop.clone()));
                tasks.spawn(ingress::http::serve(listener, service.clone(), trigger.clone(), stop.clone()));
            }
            (Trigger::Kafka(trigger), _) => {
                let consumer = consumer(manifest, &service, trigger, &self.swapper.clients)?;
                tasks.spawn(consume(service.clone(), consumer, waits_for, stop.clone()));
            }
            (Trigger::Http(_), None) => unreachable!("a listener is bound for each HTTP service"),
        }
        let stop_relays = self.run_relays(manifest, &service)?;
        let (ingress, stop_ingress) = (tasks, stop);
        let running = Running { service: service.clone(), address, listener, ingress, stop_ingress, stop_relays };
        self.swapper.clients.services.enter(&service);
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

    /// Stops what brings work in; its relays go on until that work is done. Its listener, if that is to be handed on.
    fn stop_one(&self, name: &str, hand_on: bool) -> Option<Arc<TcpListener>> {
        let mut running = self.running().remove(name)?;
        let listener = running.listener.take().filter(|_| hand_on);
        info!(service = name, "stopping");
        self.swapper.clients.services.leave(name);
        running.stop_ingress.cancel();
        let live = running.service.live();
        drop(running.service);
        self.background.spawn(async move {
            running.ingress.close();
            running.ingress.wait().await;
            crate::swap::drain(live).await;
            running.stop_relays.cancel();
        });
        listener
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
    /// published, and returns. Callers stop before those whom they call, or their last requests would find nobody.
    pub async fn stop(&self) {
        let mut stopping = BTreeSet::new();
        loop {
            let next = self.uncalled(&stopping);
            if next.is_empty() {
                break;
            }
            for (name, _, stop) in &next {
                drop(self.running().get_mut(name).and_then(|running| running.listener.take()));
                stop.cancel();
            }
            for (name, ingress, _) in next {
                ingress.close();
                ingress.wait().await;
                stopping.insert(name);
            }
        }
        for service in self.services() {
            // Also those whose client has gone; their own deadline bounds the wait.
            service.live().admission.idle().await;
        }
        self.stop_background.cancel();
        self.background.close();
        self.background.wait().await;
    }

    /// Of the services that are not stopping, those that no other of them calls; where they call each other, all.
    fn uncalled(&self, stopping: &BTreeSet<String>) -> Vec<(String, TaskTracker, CancellationToken)> {
        let running = self.running();
        let rest: Vec<_> = running.iter().filter(|(name, _)| !stopping.contains(*name)).collect();
        let is_called = |name: &String, callee: &Running| {
            rest.iter().any(|(other, caller)| *other != name && caller.may_call(callee))
        };
        let handle = |(name, running): &(&String, &Running)| {
            ((*name).clone(), running.ingress.clone(), running.stop_ingress.clone())
        };
        let uncalled: Vec<_> = rest.iter().filter(|(name, callee)| !is_called(name, callee)).map(handle).collect();
        if uncalled.is_empty() { rest.iter().map(handle).collect() } else { uncalled }
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
