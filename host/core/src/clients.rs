//! The capabilities of one host with their clients, and the grants that they make for services.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use componentd_config::{ConfigError, Manifest};
use futures_util::future::join_all;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use crate::call::CallMetrics;
use crate::capability::{About, Capability, Client, HostContext, Needs, ServiceContext, interface_of};
use crate::granted::Granted;
use crate::log_bounds::{LogMetrics, LogRate};
use crate::peers::{self, Peers};
use crate::state::Common;

/// All clients of a host.
#[derive(Clone)]
pub struct Clients {
    all: Arc<[(About, Arc<dyn Client>)]>,
    calls: CallMetrics,
    logs: LogMetrics,
}

impl Clients {
    /// Makes the clients of these capabilities; none connects yet.
    ///
    /// # Errors
    /// The manifest says of a server what cannot be.
    pub fn new(
        capabilities: &[Arc<dyn Capability>],
        manifest: &Manifest,
        peers: &Arc<dyn Peers>,
        metrics: &mut Registry,
    ) -> Result<Self, ConfigError> {
        let (calls, logs) = (CallMetrics::new(metrics), LogMetrics::new(metrics));
        let client = |capability: &Arc<dyn Capability>| {
            let about = capability.about();
            let backend = manifest.backend(about.name);
            let host = HostContext { backend, manifest, peers: peers.clone(), metrics: &mut *metrics };
            Ok((about, capability.client(host)?))
        };
        let all = capabilities.iter().map(client).collect::<Result<_, ConfigError>>()?;
        Ok(Self { all, calls, logs })
    }

    /// What a service may do. `stop` ends what works beside its invocations, at the latest.
    ///
    /// # Errors
    /// Its grants are not as they must be.
    pub fn grant(&self, service: &ServiceContext<'_>, stop: CancellationToken) -> Result<Granted, ConfigError> {
        let mut grants = Vec::new();
        for (about, client) in self.all.iter() {
            grants.extend(client.grant(service)?.map(|grant| (about.name, grant)));
            needs_server(about, service)?;
        }
        let log = LogRate::new(&service.spec.limits, &self.logs, service.name);
        Ok(Granted::new(service.name, service.spec.limits, grants, self.calls.clone(), log, stop))
    }

    /// Whether a manifest names only capabilities that there are, and every service's grants are as they must be.
    ///
    /// # Errors
    /// The first thing that is not so.
    pub fn check(&self, manifest: &Manifest) -> Result<(), ConfigError> {
        let named = |has: fn(&About) -> bool| -> Vec<_> {
            self.all.iter().map(|(about, _)| about).filter(|about| has(about)).map(|about| about.name).collect()
        };
        manifest.check_names(&named(|about| about.server.is_some()), &named(|about| about.needs.is_some()))?;
        for (name, spec) in &manifest.services {
            self.grant(&ServiceContext { manifest, name, spec }, CancellationToken::new())?;
        }
        Ok(())
    }

    /// What does not answer within `timeout`, or lacks what the services of the manifest need.
    pub async fn missing(&self, manifest: &Manifest, timeout: Duration) -> Vec<String> {
        let looks = self.all.iter().map(|(_, client)| client.missing(manifest, timeout));
        join_all(looks).await.into_iter().flatten().collect()
    }

    /// A client by its type.
    pub fn get<C: Client>(&self) -> Option<&C> {
        self.all.iter().find_map(|(_, client)| (&**client as &dyn Any).downcast_ref())
    }
}

/// A grant is of use only with the server that it is about.
fn needs_server(about: &About, service: &ServiceContext<'_>) -> Result<(), ConfigError> {
    let (Some(grant), Some(example)) = (service.grant(about.name), about.server) else { return Ok(()) };
    if service.manifest.backend(about.name).is_some() {
        return Ok(());
    }
    let name = about.name;
    Err(grant.error(&[], format!("needs a server: add `{name} = {{ {example} }}` under [backends]")))
}

/// Whether a manifest names only what these capabilities have, as they have it. Nothing is connected to.
///
/// # Errors
/// The first thing that is not so, with its file, line and key.
pub fn check_manifest(manifest: &Manifest, capabilities: &[Arc<dyn Capability>]) -> Result<(), ConfigError> {
    check(capabilities, manifest).map(drop)
}

/// The same, with the clients that were made for it.
///
/// # Errors
/// As [`check_manifest`].
pub fn check(capabilities: &[Arc<dyn Capability>], manifest: &Manifest) -> Result<Clients, ConfigError> {
    let clients = Clients::new(capabilities, manifest, &peers::nobody(), &mut Registry::default())?;
    clients.check(manifest)?;
    Ok(clients)
}

/// The interfaces among these imports that need a grant, with the names of their capabilities.
pub fn needed(capabilities: &[Arc<dyn Capability>], imports: &[String]) -> Vec<(&'static str, Needs)> {
    let abouts = capabilities.iter().map(|capability| capability.about());
    let needs = abouts.filter_map(|about| Some((about.name, about.needs?)));
    needs.filter(|(_, needs)| imports.iter().any(|import| interface_of(import) == needs.interface)).collect()
}

/// What the instances of a host with these capabilities have in common.
pub fn common(capabilities: &[Arc<dyn Capability>]) -> Common {
    Common {
        lasting: capabilities.iter().flat_map(|capability| capability.lasting()).collect(),
        outgoing: capabilities.iter().find_map(|capability| capability.outgoing()),
    }
}
