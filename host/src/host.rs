//! The host as a whole: everything is made ready, then everything serves, then everything drains.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::archive::Archive;
use crate::artifact::Artifact;
use crate::cache::Cache;
use crate::clients::Clients;
use crate::config::{self, Manifest};
use crate::digest::Digest;
use crate::error::StartError;
use crate::ingress::{self, listener};
use crate::instances::Pool;
use crate::loader::Loader;
use crate::reconcile::ReconcileError;
use crate::state_folder::{Lock, StateError, StateFolder};
use crate::supervisor::Supervisor;
use crate::swap::Swapper;
use crate::topics::{self, Named};
use crate::{admin, engine, startup, watcher};

/// How long a backend may take to answer before the log says that it is missing.
const FIRST_LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an instance waits for another invocation: longer than the pauses of steady traffic.
const LONGEST_IDLE: Duration = Duration::from_secs(10);

/// A running host.
pub struct Host {
    supervisor: Arc<Supervisor>,
    admin: Option<SocketAddr>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
    shutdown_delay: Duration,
    /// Of the state folder, to the end of this host.
    _lock: Option<Lock>,
}

impl Host {
    /// Starts all that the manifest names: load, migrate, bind, and only then serve. A service whose database is away is
    /// started all the same, and answers 503 until the database is there.
    ///
    /// # Errors
    /// The first thing that is not as it must be. Nothing has been served then.
    pub async fn start(manifest: Manifest) -> Result<Self, StartError> {
        let (state, cache, lock) = open_state(&manifest)?;
        let clients = Clients::new(&manifest.backends)?;
        let supervisor = Arc::new(Supervisor::new(&manifest, swapper(&manifest, clients.clone(), state, cache)?));
        let admin = bind_admin(&manifest).await?;
        let (tasks, stop) = (JoinSet::new(), CancellationToken::new());
        let shutdown_delay = manifest.host.shutdown_delay.map_or(Duration::ZERO, |delay| delay.0);
        let mut host = Self { supervisor, admin: None, tasks, stop, shutdown_delay, _lock: lock };
        let topics = topics::named(&manifest);
        host.supervisor.reconcile(manifest).await.map_err(ReconcileError::at_start)?;
        host.tasks.spawn(say_what_is_missing(clients, topics));
        host.tasks.spawn(sweep(host.supervisor.clone(), host.stop.clone()));
        if let Some((listener, settings)) = admin {
            let address = listener.local_addr().expect("it is bound");
            info!(listener = "the admin port", %address, "listening");
            host.admin = Some(address);
            host.tasks.spawn(admin::serve(listener, host.supervisor.clone(), settings, host.stop.clone()));
        }
        Ok(host)
    }

    /// Carries out what changes in the manifest and the component files from now on.
    pub fn watch(&mut self, manifest: PathBuf) {
        self.tasks.spawn(watcher::run(self.supervisor.clone(), manifest, self.stop.clone()));
    }

    /// Where a service listens, with the port that it got where the manifest says 0.
    pub fn address(&self, service: &str) -> Option<SocketAddr> {
        self.supervisor.address(service)
    }

    /// Where the admin port listens.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Is not ready from now on, and after `shutdown-delay` stops accepting, lets requests and records in flight come to their
    /// end or their deadline, sends what they have published, commits, and returns.
    pub async fn stop(mut self) {
        self.supervisor.stop(self.shutdown_delay).await;
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("the tasks of the host do not panic");
        }
    }
}

/// Checks that the manifest's components can be loaded; connects to nothing and serves nothing.
///
/// # Errors
/// The first one that cannot.
pub async fn check(manifest: &Manifest) -> Result<Vec<(String, PathBuf, Digest)>, StartError> {
    let loader = checking_loader(manifest)?;
    let mut checked = Vec::new();
    for (name, spec) in &manifest.services {
        startup::look_at_migrations(manifest, name, spec)?;
        let digest = check_component(&loader, manifest, name, spec).await?;
        checked.push((name.clone(), spec.component.clone(), digest));
    }
    Ok(checked)
}

/// A loader that leaves nothing behind.
///
/// # Errors
/// The machine lacks what the engine needs.
pub fn checking_loader(manifest: &Manifest) -> Result<Loader, StartError> {
    let engine = engine::start(manifest.host.instances);
    engine.and_then(|engine| Loader::new(engine, Cache::none(), ingress::triggers())).map_err(StartError::Engine)
}

/// Whether the host could run a service's component with its grants.
///
/// # Errors
/// What is wrong with it.
pub async fn check_component(
    loader: &Loader,
    manifest: &Manifest,
    name: &str,
    spec: &config::Service,
) -> Result<Digest, StartError> {
    let load = |e| StartError::load(manifest, name, e);
    let artifact = Artifact::read(&spec.component).await.map_err(load)?;
    let version = loader.load(artifact, name, spec).await.map_err(load)?;
    Ok(version.digest().clone())
}

/// Early, so that a port that is taken is found before anything is started.
async fn bind_admin(manifest: &Manifest) -> Result<Option<(TcpListener, config::Admin)>, StartError> {
    let Some(admin) = manifest.admin.clone() else { return Ok(None) };
    match listener::bind(admin.listen).await {
        Ok(listener) => Ok(Some((listener, admin))),
        Err(source) => {
            let place = manifest.source.place(&["admin", "listen"]);
            Err(StartError::Listen { place, address: admin.listen, source })
        }
    }
}

/// The folder that the manifest names, locked, and the compile cache in it.
fn open_state(manifest: &Manifest) -> Result<(Option<StateFolder>, Cache, Option<Lock>), StartError> {
    let Some(path) = &manifest.host.state else { return Ok((None, Cache::none(), None)) };
    let unusable = |source| StartError::State { place: manifest.source.place(&["host", "state"]), source };
    let (state, lock) = StateFolder::open(path).map_err(unusable)?;
    let cache = Cache::new(state.clone(), manifest.host.cache_size.0 as u64)
        .map_err(|source| unusable(StateError::Unusable { path: path.clone(), source }))?;
    Ok((Some(state), cache, Some(lock)))
}

fn swapper(
    manifest: &Manifest,
    clients: Clients,
    state: Option<StateFolder>,
    cache: Cache,
) -> Result<Swapper, StartError> {
    let engine = engine::start(manifest.host.instances).map_err(StartError::Engine)?;
    let pool = Pool::new(engine.clone(), manifest.host.instances);
    let loader = Loader::new(engine, cache, ingress::triggers()).map_err(StartError::Engine)?;
    let archive = Archive::new(state, manifest.host.keep_versions);
    let backends = manifest.backends.clone();
    Ok(Swapper { loader, pool, clients, archive, backends, tasks: TaskTracker::new() })
}

/// Gives back what idle instances hold, once nothing has needed them for a while.
async fn sweep(supervisor: Arc<Supervisor>, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(LONGEST_IDLE / 2)).await.is_some() {
        for service in supervisor.services() {
            service.live().instances.sweep(LONGEST_IDLE);
        }
    }
}

/// The host runs on without them; whoever started it should know.
async fn say_what_is_missing(clients: Clients, topics: Vec<Named>) {
    for missing in clients.missing(topics, FIRST_LOOK_TIMEOUT).await {
        warn!("{missing}");
    }
}
