//! The seam between the host and what calls its services: a [`Trigger`] is a kind of caller, a [`Source`] is one of them.
//!
//! The host itself knows no trigger. It asks the one whose key is in a service's table, which the version of a component then
//! holds. Adding one is a folder under `ingress/`, its settings in `config/`, and a line in `ingress::triggers`.

use std::any::Any;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::clients::Clients;
use crate::deployment::Deployment;
use crate::error::StartError;
use crate::kept::Kept;
use crate::metrics::Metrics;
use crate::registry::Service;
use crate::state::State;
use componentd_config as config;

/// What a trigger calls in one instance: the typed exports that its bindings have found there.
pub type Exports = Box<dyn Any + Send>;

/// Finds those exports in an instance of the component that [`Trigger::entry`] was given.
pub type Entry = Box<dyn Fn(&mut Store<State>, &Instance) -> wasmtime::Result<Exports> + Send + Sync>;

/// What is not as a probe expects.
pub type Unexpected = Box<dyn Error + Send + Sync>;

/// A kind of caller of services, as an HTTP listener or a Kafka consumer.
pub trait Trigger: Send + Sync {
    /// Its key in a service's table of the manifest, as `http`.
    fn key(&self) -> &'static str;

    /// How it is written there, for those who lack it: `http = { listen = … }`.
    fn example(&self) -> &'static str;

    /// The interface that a component exports to be called, without a version: `wasi:http/incoming-handler`. None where any
    /// will do.
    fn export(&self) -> Option<&'static str>;

    /// What makes an instance of this component callable. It runs once for each version and not for each call.
    ///
    /// # Errors
    /// The component exports the interface in another form.
    fn entry(&self, linked: &InstancePre<State>) -> wasmtime::Result<Entry>;

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
    pub service: &'a Arc<Service>,
    /// What the service will be, which may not be live yet.
    pub spec: &'a config::Service,
    /// For messages.
    pub manifest: &'a config::Source,
    pub clients: &'a Clients,
    pub metrics: &'a Arc<Metrics>,
    /// For what a source keeps across restarts.
    pub kept: Kept,
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
    pub address: Option<SocketAddr>,
    pub tasks: TaskTracker,
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

    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Trigger>> {
        self.0.iter()
    }
}
