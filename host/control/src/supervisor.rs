//! The services that run, and what calls each of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use componentd_config::{self as config, ConfigError, Manifest};
use componentd_core::artifact::Artifact;
use componentd_core::capability::ServiceContext;
use componentd_core::digest::Digest;
use componentd_core::grant::Background;
use componentd_core::granted::Granted;
use componentd_core::registry::Service;
use componentd_core::trigger::{Ingress, Ports, Triggers};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::rejected::Rejected;
use crate::swap::drain;
use crate::swapper::Swapper;

/// Everything that runs.
pub struct Supervisor {
    /// What puts versions behind them.
    pub swapper: Swapper,
    /// The manifest that was applied last, as a whole. Held by whoever applies another one.
    pub applied: tokio::sync::Mutex<Manifest>,
    /// No longer ready, though it may accept for a while yet. No manifest is applied any more.
    pub stopping: CancellationToken,
    running: Mutex<BTreeMap<String, Running>>,
    /// What has called services, and may not have closed its port yet.
    closing: Mutex<Vec<(SocketAddr, TaskTracker)>>,
    /// What goes on until the work of a service is done: relays.
    stop_background: CancellationToken,
    background: TaskTracker,
}

/// A service, and what calls it.
pub struct Running {
    service: Arc<Service>,
    ingress: Ingress,
}

impl Running {
    /// Whether its component may call that service.
    fn may_call(&self, callee: &Self) -> bool {
        self.service.live().granted.reaches(&callee.service.name, callee.ingress.address)
    }

    /// Where the manifest lets it listen.
    fn listens_at(&self, triggers: &Triggers) -> Option<SocketAddr> {
        let live = self.service.live();
        triggers.of(&live.spec).listens_at(&live.spec)
    }
}

impl Supervisor {
    /// A supervisor of nothing yet.
    pub fn new(manifest: &Manifest, swapper: Swapper) -> Self {
        let nothing = Manifest { services: BTreeMap::new(), ..manifest.clone() };
        Self {
            swapper,
            applied: tokio::sync::Mutex::new(nothing),
            stopping: CancellationToken::new(),
            running: Mutex::default(),
            closing: Mutex::default(),
            stop_background: CancellationToken::new(),
            background: TaskTracker::new(),
        }
    }

    /// Puts a service, called by `ingress`, in the place of what runs by its name. That may be the service itself, which is
    /// called in another way then.
    pub fn run(&self, service: Arc<Service>, ingress: Ingress) {
        self.swapper.services.enter(&service);
        let running = Running { service: service.clone(), ingress };
        let before = self.running().insert(service.name.clone(), running);
        match before {
            Some(before) if Arc::ptr_eq(&before.service, &service) => drop(self.close(before.ingress)),
            Some(before) => self.retire(before),
            None => {}
        }
    }

    /// Takes a service out of those that run. It is called until it is retired.
    pub fn take(&self, name: &str) -> Option<Running> {
        self.running().remove(name)
    }

    /// Stops what calls a service, which goes once what it has begun is done.
    pub fn retire(&self, Running { service, ingress }: Running) {
        info!(service = service.name, "stopping");
        self.swapper.services.leave(&service);
        let ended = self.close(ingress);
        self.background.spawn(async move {
            ended.wait().await;
            drain(service.live()).await;
        });
    }

    fn close(&self, Ingress { listener, address, tasks, stop }: Ingress) -> TaskTracker {
        drop(listener);
        stop.cancel();
        tasks.close();
        let mut closing = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
        closing.retain(|(_, tasks)| !tasks.is_empty());
        closing.extend(address.map(|address| (address, tasks.clone())));
        let ended = tasks.clone();
        self.background.spawn(async move { ended.wait().await });
        tasks
    }

    /// What a service may do by a manifest. What works beside its invocations ends with the host at the latest.
    ///
    /// # Errors
    /// Its grants are not as they must be.
    pub fn grant(&self, manifest: &Manifest, name: &str, spec: &config::Service) -> Result<Granted, ConfigError> {
        self.swapper.clients.grant(&ServiceContext { manifest, name, spec }, self.stop_background.child_token())
    }

    /// Starts what works beside the invocations of a service.
    pub fn work_beside(&self, background: Vec<Background>, granted: &Granted) {
        for work in background {
            self.background.spawn(work(granted.stop().clone()));
        }
    }

    /// Brings another component to life behind a service, with the manifest as it is. One at a time, in the order in which
    /// they come.
    ///
    /// # Errors
    /// The step that refused it, and why; step `found` where there is no such service.
    pub async fn swap(&self, name: &str, artifact: Artifact) -> Result<Digest, Rejected> {
        self.swap_unless(name, artifact, &CancellationToken::new()).await
    }

    /// The same for somebody who may go away meanwhile. What was compiled by then goes on to its end; what was not is given up,
    /// so that it keeps nobody else waiting.
    ///
    /// # Errors
    /// As [`Supervisor::swap`].
    pub async fn swap_to_the_end(self: &Arc<Self>, name: &str, artifact: Artifact) -> Result<Digest, Rejected> {
        let gone = CancellationToken::new();
        let _asks = gone.clone().drop_guard();
        let (supervisor, name) = (self.clone(), name.to_owned());
        let swap = tokio::spawn(async move { supervisor.swap_unless(&name, artifact, &gone).await });
        swap.await.expect("a swap does not panic")
    }

    async fn swap_unless(&self, name: &str, artifact: Artifact, gone: &CancellationToken) -> Result<Digest, Rejected> {
        loop {
            let service = self.service(name);
            let service = service.ok_or_else(|| Rejected::NoService(name.to_owned()))?;
            let turn = gone.run_until_cancelled(service.swapping.lock()).await;
            let _turn = turn.ok_or(Rejected::GivenUp)?;
            // An edit of the manifest may have put another one in its place meanwhile.
            if self.swapper.services.has(&service) {
                return self.swapper.swap(&service, artifact, gone).await;
            }
        }
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that run, by name.
    pub fn services(&self) -> Vec<Arc<Service>> {
        self.running().values().map(|running| running.service.clone()).collect()
    }

    /// The one of this name that runs.
    pub fn service(&self, name: &str) -> Option<Arc<Service>> {
        self.running().get(name).map(|running| running.service.clone())
    }

    /// Where a service listens.
    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        self.running().get(name)?.ingress.address
    }

    /// The component file of each service, and the content of it that has been decided about.
    pub fn components(&self) -> Vec<(String, PathBuf, Option<Digest>)> {
        let component =
            |service: Arc<Service>| (service.name.clone(), service.live().spec.component.clone(), service.file());
        self.services().into_iter().map(component).collect()
    }

    /// Is not ready from now on, and after `delay` stops accepting, lets requests and records in flight come to their end or
    /// their deadline, sends what they have published, and returns. Callers stop before those whom they call, or their last
    /// requests would find nobody.
    pub async fn stop(&self, delay: Duration) {
        self.stopping.cancel();
        tokio::time::sleep(delay).await;
        drop(self.applied.lock().await);
        let mut stopping = BTreeSet::new();
        loop {
            let next = self.uncalled(&stopping);
            if next.is_empty() {
                break;
            }
            for (name, _, stop) in &next {
                drop(self.running().get_mut(name).and_then(|running| running.ingress.listener.take()));
                stop.cancel();
            }
            for (name, ingress, _) in next {
                ingress.close();
                ingress.wait().await;
                stopping.insert(name);
            }
        }
        for service in self.services() {
            // Also those whose client has gone; their own deadline bounds the wait. Then the watch over it ends.
            let live = service.live();
            live.admission.idle().await;
            live.cut.cancel();
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
            ((*name).clone(), running.ingress.tasks.clone(), running.ingress.stop.clone())
        };
        let uncalled: Vec<_> = rest.iter().filter(|(name, callee)| !is_called(name, callee)).map(handle).collect();
        if uncalled.is_empty() { rest.iter().map(handle).collect() } else { uncalled }
    }
}

impl Ports for Supervisor {
    fn listener_at(&self, address: SocketAddr, service: &str) -> Option<Arc<TcpListener>> {
        let is_its = |running: &Running| address.port() != 0 || running.service.name == service;
        let running = self.running();
        let found = running
            .values()
            .find(|running| running.listens_at(&self.swapper.triggers) == Some(address) && is_its(running))?;
        found.ingress.listener.clone()
    }

    fn is_closing(&self, port: u16) -> bool {
        let closing = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
        closing.iter().any(|(address, tasks)| address.port() == port && !tasks.is_empty())
    }
}
