//! The host as a whole: everything is made ready, then everything serves, then everything drains.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use componentd_admin as admin;
use componentd_config::{self as config, Manifest, Secret};
use componentd_control::archive::Archive;
use componentd_control::events::{Event, Lagged, channel, events};
use componentd_control::reconcile::{Applied, ReconcileError};
use componentd_control::supervisor::Supervisor;
use componentd_control::swapper::Swapper;
use componentd_control::watcher;
use componentd_core::artifact::Artifact;
use componentd_core::cache::Cache;
use componentd_core::capability::{Capability, ServiceContext};
use componentd_core::clients::{self, Clients};
use componentd_core::compiler::Compiler;
use componentd_core::compiler::process::Bounds;
use componentd_core::digest::Digest;
use componentd_core::engine;
use componentd_core::error::StartError;
use componentd_core::instances::Pool;
use componentd_core::loader::{Checked, Loader};
use componentd_core::metrics::{self, Metrics};
use componentd_core::peers::Peers;
use componentd_core::registry::Directory;
use componentd_core::state_folder::{Lock, StateError, StateFolder};
use componentd_ingress::cron::Clock;
use componentd_ingress::listener::{self, Listening};
use componentd_ingress::peers::LocalPeers;
use componentd_tls as tls;
use futures_util::stream::BoxStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::embedding::{HostBuilder, ServiceError, ServiceHandle};

/// How long a backend may take to answer before the log says that it is missing.
const FIRST_LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an instance waits for another invocation: longer than the pauses of steady traffic.
const LONGEST_IDLE: Duration = Duration::from_secs(10);

/// A running host.
pub struct Host {
    supervisor: Arc<Supervisor>,
    admin: Option<(SocketAddr, Secret)>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
    shutdown_delay: Duration,
    /// Of the state folder, to the end of this host.
    _lock: Option<Lock>,
}

impl Host {
    /// A host that is about to be started:
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use componentd::{Host, Manifest};
    ///
    /// let manifest = Manifest::load("componentd.toml".as_ref())?;
    /// let host = Host::builder().manifest(manifest).start().await?;
    /// host.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder() -> HostBuilder {
        HostBuilder::new()
    }

    /// Starts what the manifest names, with the capabilities that componentd comes with.
    ///
    /// # Errors
    /// As [`HostBuilder::start`].
    pub async fn start(manifest: Manifest) -> Result<Self, StartError> {
        Self::builder().manifest(manifest).start().await
    }

    pub(crate) async fn start_with(
        manifest: Manifest,
        capabilities: &[Arc<dyn Capability>],
        compiler: Compiler,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let (state, cache, lock) = open_state(&manifest)?;
        let token = admin_token(&manifest, state.as_ref())?;
        let swapper = swapper(&manifest, capabilities, state, (cache, compiler), clock)?;
        let clients = swapper.clients.clone();
        let supervisor = Arc::new(Supervisor::new(&manifest, swapper));
        let admin = bind_admin(&manifest).await?;
        let (tasks, stop) = (JoinSet::new(), CancellationToken::new());
        let shutdown_delay = manifest.host.shutdown_delay.map_or(Duration::ZERO, |delay| delay.0);
        let mut host = Self { supervisor, admin: None, tasks, stop, shutdown_delay, _lock: lock };
        host.supervisor.reconcile(manifest.clone()).await.map_err(ReconcileError::at_start)?;
        host.tasks.spawn(say_what_is_missing(clients, manifest));
        host.tasks.spawn(sweep(host.supervisor.clone(), host.stop.clone()));
        if let Some(((listening, settings), token)) = admin.zip(token) {
            let address = listening.listener.local_addr().expect("it is bound");
            info!(listener = "the admin port", %address, tls = listening.tls.is_some(), "listening");
            host.admin = Some((address, token.clone()));
            host.tasks.spawn(admin::serve(listening, host.supervisor.clone(), settings, token, host.stop.clone()));
        }
        Ok(host)
    }

    /// Makes what runs what another manifest says, as a whole or not at all. Services that it does not change are not touched,
    /// and `[host]`, `[admin]` and `[backends]` cannot be changed.
    ///
    /// # Errors
    /// Something of it cannot be done, and so nothing of it has been.
    pub async fn apply(&self, manifest: Manifest) -> Result<Applied, ReconcileError> {
        self.supervisor.reconcile(manifest).await
    }

    /// Carries out what changes in the manifest and the component files from now on.
    pub fn watch(&mut self, manifest: PathBuf) {
        self.tasks.spawn(watcher::run(self.supervisor.clone(), manifest, self.stop.clone()));
    }

    /// A service by its name, to call it and to swap its versions.
    ///
    /// # Errors
    /// There is no service of this name.
    pub fn service(&self, name: &str) -> Result<ServiceHandle, ServiceError> {
        ServiceHandle::new(&self.supervisor, name)
    }

    /// What becomes of versions from now on: each that goes live, is rejected or is rolled back, of any service. The stream ends
    /// with the host. Whoever reads more slowly than events come misses the oldest, and hears how many those were.
    pub fn events(&self) -> BoxStream<'static, Result<Event, Lagged>> {
        events(self.supervisor.swapper.events.subscribe(), self.stop.clone())
    }

    /// Where a service listens, with the port that it got where the manifest says 0.
    pub fn address(&self, service: &str) -> Option<SocketAddr> {
        self.supervisor.address(service)
    }

    /// Where the admin port listens.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(address, _)| *address)
    }

    /// What the admin port asks for, as `Authorization: Bearer …`: that of the manifest, or the one that the host has made.
    pub fn admin_token(&self) -> Option<&Secret> {
        self.admin.as_ref().map(|(_, token)| token)
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
pub(crate) async fn check(
    manifest: &Manifest,
    capabilities: &[Arc<dyn Capability>],
) -> Result<Vec<(String, PathBuf, Digest)>, StartError> {
    tls::check(manifest)?;
    let (clients, loader) = (clients::check(capabilities, manifest)?, checking_loader(manifest, capabilities)?);
    let services = manifest.services.iter().map(|(name, spec)| ServiceContext { manifest, name, spec });
    let (mut fitting, mut checked) = (Vec::new(), Vec::new());
    // What shows in the bytes of all, before any of them is compiled.
    for service in services {
        fitting.push((service, fits(&loader, &clients, &service).await?));
    }
    for (service, component) in fitting {
        checked.push((
            service.name.to_owned(),
            service.spec.component.clone(),
            build(&loader, &service, component).await?,
        ));
    }
    Ok(checked)
}

/// The program that runs, also where its file was replaced meanwhile. Only the command line is sure that it is `componentd`.
pub(crate) const OWN_PROGRAM: &str = "/proc/self/exe";

/// The compiler that the program `componentd` is itself.
pub(crate) fn own_program(bounds: Bounds) -> Compiler {
    Compiler::Process(OWN_PROGRAM.into(), bounds)
}

/// A loader of the command line, which leaves nothing behind. What a host has compiled before it takes from there.
///
/// # Errors
/// The machine lacks what the engine needs.
pub(crate) fn checking_loader(manifest: &Manifest, capabilities: &[Arc<dyn Capability>]) -> Result<Loader, StartError> {
    let cache = manifest.host.state.as_deref().map_or_else(Cache::none, Cache::reading);
    let entry_points = componentd_ingress::triggers(Clock::system()).entry_points();
    let engine = engine::start(manifest.host.instances).map_err(StartError::Engine)?;
    let compiler = own_program((&manifest.host).into());
    Loader::new(engine, compiler, cache, capabilities, entry_points).map_err(StartError::Capabilities)
}

/// Whether the host could run a service's component with its grants.
///
/// # Errors
/// What is wrong with it.
pub(crate) async fn check_component(
    loader: &Loader,
    clients: &Clients,
    service: &ServiceContext<'_>,
) -> Result<Digest, StartError> {
    build(loader, service, fits(loader, clients, service).await?).await
}

/// Whether a component is one for its service, by what shows in its bytes.
async fn fits(loader: &Loader, clients: &Clients, service: &ServiceContext<'_>) -> Result<Checked, StartError> {
    let ServiceContext { manifest, name, spec } = *service;
    let granted = clients.grant(service, CancellationToken::new())?;
    granted.check().map_err(|e| StartError::unprepared(manifest, name, e))?;
    let load = |e| StartError::load(manifest, name, e);
    let artifact = Artifact::read(&spec.component).await.map_err(load)?;
    loader.check(artifact, spec, &granted).map_err(load)
}

async fn build(loader: &Loader, service: &ServiceContext<'_>, component: Checked) -> Result<Digest, StartError> {
    let version = loader.build(service.name, component).await;
    Ok(version.map_err(|e| StartError::load(service.manifest, service.name, e))?.digest().clone())
}

/// Early, so that a port that is taken is found before anything is started.
async fn bind_admin(manifest: &Manifest) -> Result<Option<(Listening, config::Admin)>, StartError> {
    let Some(admin) = manifest.admin.clone() else { return Ok(None) };
    let tls = tls::load(admin.tls.as_ref(), &manifest.source, &["admin"])?;
    match listener::bind(admin.listen).await {
        Ok(listener) => Ok(Some((Listening { listener: Arc::new(listener), tls }, admin))),
        Err(source) => {
            let place = manifest.source.place(&["admin", "listen"]);
            Err(StartError::Listen { place, address: admin.listen, source })
        }
    }
}

/// What the admin port will ask for, if there is one.
fn admin_token(manifest: &Manifest, state: Option<&StateFolder>) -> Result<Option<Secret>, StartError> {
    let Some(settings) = &manifest.admin else { return Ok(None) };
    admin::token::find(settings, state).map(Some).map_err(|source| {
        let (place, path) =
            (manifest.source.place(&["host", "state"]), manifest.host.state.clone().unwrap_or_default());
        StartError::State { place, source: StateError::Unusable { path, source } }
    })
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
    capabilities: &[Arc<dyn Capability>],
    state: Option<StateFolder>,
    (cache, compiler): (Cache, Compiler),
    clock: Clock,
) -> Result<Swapper, StartError> {
    let engine = engine::start(manifest.host.instances).map_err(StartError::Engine)?;
    let pool = Pool::new(engine.clone(), &manifest.host, clients::common(capabilities));
    let triggers = componentd_ingress::triggers(clock);
    let loader = Loader::new(engine, compiler, cache, capabilities, triggers.entry_points());
    let loader = loader.map_err(StartError::Capabilities)?;
    let (services, mut registry) = (Directory::default(), metrics::registry());
    let help = "Lines of the log that were dropped: standard error was not read in time";
    registry.register("log_dropped_lines", help, componentd_telemetry::DROPPED.clone());
    let peers: Arc<dyn Peers> = Arc::new(LocalPeers(services.clone()));
    let clients = Clients::new(capabilities, manifest, &peers, &mut registry)?;
    let (metrics, archive) = (Arc::new(Metrics::new(registry)), Archive::new(state, manifest.host.keep_versions));
    let (events, tasks) = (channel(), TaskTracker::new());
    Ok(Swapper { loader, pool, clients, services, metrics, archive, triggers, events, tasks })
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
async fn say_what_is_missing(clients: Clients, manifest: Manifest) {
    for missing in clients.missing(&manifest, FIRST_LOOK_TIMEOUT).await {
        warn!("{missing}");
    }
}
