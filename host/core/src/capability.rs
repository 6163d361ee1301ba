//! What components may ask the host for. A capability is a plug-in: the ones of this host are made by the same traits that
//! anyone else's are.
//!
//! - [`Capability`] says what there is: interfaces, tables in the manifest, and how to make a [`Client`].
//! - [`Client`] is what a host has of it, shared by all services: connections, mostly. It makes a [`Grant`] for a service.
//! - [`Grant`] is what one service may do, with what it takes to do it. It is checked at each call: deny by default.
//! - [`View`](crate::view::View) is what one call sees: the grant, the [`Scope`](crate::scope::Scope) of the invocation, and
//!   the resources of the instance. `Scope::call` is the one way to do what a component has asked for.

use std::any::{Any, TypeId};
use std::sync::Arc;
use std::time::Duration;

use componentd_config::{ConfigError, Forms, Manifest, Section, Service};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use prometheus_client::registry::Registry;
use wasmtime::component::Linker;

use crate::grant::Grant;
use crate::outgoing::Outgoing;
use crate::peers::Peers;
use crate::state::State;

/// Something that components may ask the host for.
pub trait Capability: Send + Sync + 'static {
    /// What it is called, what it offers, and what it needs.
    fn about(&self) -> About;

    /// The forms of its tables in a manifest, for editors and the reference.
    fn forms(&self) -> Forms {
        Forms { name: self.about().name, backend: None, grant: None }
    }

    /// How an action that [`Grant::explain`] judges is written, by example.
    fn actions(&self) -> &'static [&'static str] {
        &[]
    }

    /// Offers its interfaces to components.
    ///
    /// # Errors
    /// Another capability offers one of them.
    fn add_to_linker(&self, linker: &mut Linker<State>) -> wasmtime::Result<()>;

    /// The types of its resources that an instance may keep from one invocation to the next. One that holds any other ends
    /// with its invocation.
    fn lasting(&self) -> Vec<TypeId> {
        Vec::new()
    }

    /// What sends the requests of `wasi:http/outgoing-handler`, if this is what does.
    fn outgoing(&self) -> Option<Arc<dyn Outgoing>> {
        None
    }

    /// Makes what all services of a host share. Nothing connects before it is used.
    ///
    /// # Errors
    /// What the manifest says of its server cannot be used.
    fn client(&self, host: HostContext<'_>) -> Result<Arc<dyn Client>, ConfigError>;
}

/// What is known of a capability without a manifest.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The key of its server under `[backends]`, and of a service's grant under `grants`.
    pub name: &'static str,
    /// What components may import.
    pub packages: &'static [Package],
    /// What may be imported only with a grant; none where nothing of it reaches outside the host.
    pub needs: Option<Needs>,
    /// What its table under `[backends]` has, by example; none where no server is behind it.
    pub server: Option<&'static str>,
}

/// A WIT package, as far as the host has it.
#[derive(Clone, Copy, Debug)]
pub struct Package {
    /// `componentd:redis`.
    pub name: &'static str,
    /// The one that the host has, as `0.2.12`; components that were built against a compatible one link as well.
    pub version: &'static str,
    /// Those that the host has, without package and version.
    pub interfaces: &'static [&'static str],
}

/// An interface that may be imported only with a grant.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// Without its version.
    pub interface: &'static str,
    /// A line of the manifest that would grant it, for the service's table.
    pub example: &'static str,
}

/// What a client is made with.
pub struct HostContext<'a> {
    /// Its table under `[backends]`.
    pub backend: Option<Section<'a>>,
    /// The whole of it: a capability may use the server of another one as well.
    pub manifest: &'a Manifest,
    /// The services of this host.
    pub peers: Arc<dyn Peers>,
    /// Where it registers its own measurements.
    pub metrics: &'a mut Registry,
}

/// What a grant is made with.
#[derive(Clone, Copy)]
pub struct ServiceContext<'a> {
    /// The whole of it: a grant may name other services.
    pub manifest: &'a Manifest,
    /// The key of the service under `[services]`.
    pub name: &'a str,
    /// What the manifest says of the service.
    pub spec: &'a Service,
}

impl<'a> ServiceContext<'a> {
    /// What the manifest grants of a capability.
    pub fn grant(&self, capability: &str) -> Option<Section<'a>> {
        self.manifest.grant(self.name, capability)
    }
}

/// The client of a capability whose server the manifest does not name: it grants nothing. What the manifest says of grants
/// is read all the same, for errors of its own.
pub struct NoServer(pub fn(&ServiceContext<'_>) -> Result<(), ConfigError>);

impl Client for NoServer {
    fn grant(&self, service: &ServiceContext<'_>) -> Result<Option<Arc<dyn Grant>>, ConfigError> {
        (self.0)(service).map(|()| None)
    }
}

/// What a host has of a capability, shared by its services.
pub trait Client: Any + Send + Sync {
    /// Reads a service's grant, if it has one.
    ///
    /// # Errors
    /// It is not as it must be.
    fn grant(&self, service: &ServiceContext<'_>) -> Result<Option<Arc<dyn Grant>>, ConfigError>;

    /// A line for each thing that is missing for the services of this manifest: a server that does not answer within
    /// `timeout`, say. What belongs to a single service is its grant's to say.
    fn missing<'a>(&'a self, _manifest: &'a Manifest, _timeout: Duration) -> BoxFuture<'a, Vec<String>> {
        std::future::ready(Vec::new()).boxed()
    }
}

/// The name of an import or export without its version.
pub fn interface_of(name: &str) -> &str {
    name.split_once('@').map_or(name, |(interface, _)| interface)
}
