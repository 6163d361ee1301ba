//! The seam between the host and what calls its services: a [`Trigger`] is a kind of caller, a [`Source`] is one of them.
//!
//! The host itself knows no trigger. It asks the one whose key is in a service's table. Adding one is a folder under
//! `ingress/`, its settings in `config/`, and a line in `ingress::triggers`.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use componentd_config as config;
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clients::Clients;
use crate::deployment::Deployment;
use crate::entry_point::{EntryPoint, EntryPoints};
use crate::error::StartError;
use crate::kept::Kept;
use crate::metrics::Metrics;
use crate::registry::Service;

/// What is not as a probe expects.
pub type Unexpected = Box<dyn Error + Send + Sync>;

/// A kind of caller of services, as an HTTP listener or a Kafka consumer.
pub trait Trigger: EntryPoint {
    /// Where the manifest lets a service listen, if this trigger listens.
    fn listens_at(&self, _spec: &config::Service) -> Option<SocketAddr> {
        None
    }

    /// Whether a service lives on when the settings of this trigger change, and only its source is another one. If not, what
    /// runs ends and another service takes its place.
    fn keeps_service(&self) -> bool;

    /// Sends what `swap.probe` of the manifest says, and compares what comes back. Nothing for triggers that have no probe.
    ///
    /// # Errors
    /// What is not as expected.
    fn probe<'a>(&'a self, _deployment: &'a Arc<Deployment>) -> BoxFuture<'a, Result<(), Unexpected>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Takes all that can fail, as a port or a client, for a source that does not call yet. It may be dropped unopened.
    ///
    /// # Errors
    /// It cannot be had.
    fn prepare<'a>(&'a self, preparing: Preparing<'a>) -> BoxFuture<'a, Result<Box<dyn Source>, StartError>>;
}

/// What will call one service.
pub trait Source: Send + Sync {
    /// Calls the service from now on, in tasks of `ingress`, until that is stopped, and lets what it has begun come to its end
    /// then. The databases of the service may still be away: see [`Service::await_databases`]. It says when the service can be
    /// called: [`Service::set_ready`].
    fn open(self: Box<Self>, service: &Arc<Service>, ingress: &mut Ingress);
}

/// What a source is made for, and of.
pub struct Preparing<'a> {
    /// The service that the source will call.
    pub service: &'a Arc<Service>,
    /// What the service will be, which may not be live yet.
    pub spec: &'a config::Service,
    /// For messages.
    pub manifest: &'a config::Source,
    /// The clients of the host, for what has the same server as a capability.
    pub clients: &'a Clients,
    /// Where the source counts what it does.
    pub metrics: &'a Arc<Metrics>,
    /// For what a source keeps across restarts.
    pub kept: Kept,
    /// What the other services listen on, so that a port can be handed on.
    pub ports: &'a dyn Ports,
}

/// The ports that other services of this host have.
pub trait Ports: Sync {
    /// The listener that is open there, of a service that keeps it or gives it up. A port that the kernel chose is `service`'s
    /// own.
    fn listener_at(&self, address: SocketAddr, service: &str) -> Option<Arc<TcpListener>>;

    /// Whether the port may be taken by a listener that is on its way out.
    fn is_closing(&self, port: u16) -> bool;
}

/// A source that is open: its tasks, its port if it has one, and how to stop it.
#[derive(Default)]
pub struct Ingress {
    /// Held so that the port can be handed on; given up before the server stops, which then sees to whoever has connected.
    pub listener: Option<Arc<TcpListener>>,
    /// Where it listens, with the port that the kernel chose for 0; none where it has no port.
    pub address: Option<SocketAddr>,
    /// All that it runs in: it has ended when they have.
    pub tasks: TaskTracker,
    /// Tells those tasks to take in nothing more, and to finish what they have begun.
    pub stop: CancellationToken,
}

/// The triggers that a host has.
#[derive(Clone)]
pub struct Triggers(Arc<[Arc<dyn Trigger>]>);

impl Triggers {
    /// Each has a key of its own.
    pub fn new(triggers: impl IntoIterator<Item = Arc<dyn Trigger>>) -> Self {
        Self(triggers.into_iter().collect())
    }

    /// The one that calls such a service.
    pub fn of(&self, spec: &config::Service) -> &Arc<dyn Trigger> {
        let key = spec.trigger().key();
        self.iter().find(|trigger| trigger.key() == key).expect("each trigger of a manifest has its implementation")
    }

    fn iter(&self) -> impl Iterator<Item = &Arc<dyn Trigger>> {
        self.0.iter()
    }

    /// What they call in components.
    pub fn entry_points(&self) -> EntryPoints {
        EntryPoints::new(self.iter().map(|trigger| trigger.clone() as Arc<dyn EntryPoint>))
    }
}
