//! Outbound HTTP: requests to the origins that a service is granted, as `wasi:http/outgoing-handler`.
//!
//! The host resolves and checks the address itself, adds the headers of the grant, and follows no redirect, so a component
//! reaches nothing but the granted origin and never sees a secret.

#![warn(missing_docs, unreachable_pub)]

mod address;
mod attempt;
mod client;
mod config;
mod error_code;
mod explain;
mod failure;
mod hidden;
mod idle;
mod internal;
mod places;
mod reach;
mod resolver;
mod send;
mod there;

use std::any::TypeId;
use std::net::SocketAddr;
use std::sync::Arc;

use componentd_config::{ConfigError, Forms, Manifest, Origin, Section, Trigger, form};
use componentd_core::call::CallOutcome;
use componentd_core::capability::{About, Capability, Client, HostContext, Needs, Package, ServiceContext};
use componentd_core::grant::Grant;
use componentd_core::outgoing::{Outgoing, Sending};
use componentd_core::peers::Peers;
use componentd_core::scope::Scope;
use componentd_core::state::State;
use componentd_core::verdict::{Right, Verdict};
use futures_util::FutureExt;
use http::header::HOST;
use schemars::Schema;
use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime_wasi_http::{Error, FieldMap, RequestOptions, WasiBody};

use self::client::HttpClients;
pub use self::config::HttpGrant;
use self::places::Places;
pub use self::reach::{Unreachable, reach};

/// Outbound HTTP as a capability of the host.
pub struct Http;

/// The key of what a service is granted, under `grants`.
pub const NAME: &str = "http";

/// The pools of connections that all services share, and the services themselves.
struct HttpClient {
    clients: HttpClients,
    /// A place for each request that may be under way.
    places: Arc<Semaphore>,
    peers: Arc<dyn Peers>,
}

/// The origins of one service, and what requests go there by.
struct Origins {
    grants: Vec<HttpGrant>,
    clients: HttpClients,
    places: Places,
    peers: Arc<dyn Peers>,
}

impl Capability for Http {
    fn about(&self) -> About {
        About {
            name: NAME,
            packages: &[Package { name: "wasi:http", version: "0.2.12", interfaces: &["types", "outgoing-handler"] }],
            needs: Some(Needs {
                interface: "wasi:http/outgoing-handler",
                example: "grants.http = [{ origin = \"https://…\" }]",
            }),
            server: None,
        }
    }

    fn forms(&self) -> Forms {
        let mut grant: Schema = form::<Vec<HttpGrant>>();
        grant.insert("description".to_owned(), "The origins that requests may go to.".into());
        grant.insert("default".to_owned(), serde_json::json!([]));
        Forms { name: NAME, backend: None, grant: Some(grant) }
    }

    fn actions(&self) -> &'static [&'static str] {
        explain::ACTIONS
    }

    fn add_to_linker(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
        error_code::add_to_linker(linker)
    }

    /// Header fields, which a component may have made once for all its answers, and what it knows of a failure.
    fn lasting(&self) -> Vec<TypeId> {
        vec![TypeId::of::<FieldMap>(), TypeId::of::<RequestOptions>(), TypeId::of::<wasmtime::Error>()]
    }

    fn outgoing(&self) -> Option<Arc<dyn Outgoing>> {
        Some(Arc::new(Self))
    }

    fn client(&self, host: HostContext<'_>) -> Result<Arc<dyn Client>, ConfigError> {
        let places = componentd_core::admission::places(host.manifest.host.requests);
        Ok(Arc::new(HttpClient { clients: HttpClients::default(), places, peers: host.peers }))
    }
}

impl Client for HttpClient {
    fn grant(&self, service: &ServiceContext<'_>) -> Result<Option<Arc<dyn Grant>>, ConfigError> {
        let Some(section) = service.grant(NAME) else { return Ok(None) };
        let grants: Vec<HttpGrant> = section.read()?;
        internal_origins(&section, service.manifest, &grants)?;
        if grants.is_empty() {
            return Ok(None);
        }
        let places = Places::new(&self.places, service.spec.limits.service_requests);
        Ok(Some(Arc::new(Origins { grants, clients: self.clients.clone(), places, peers: self.peers.clone() })))
    }
}

/// `http://<service>.internal` is another service of this manifest that answers HTTP, and nothing else has that domain.
fn internal_origins(section: &Section<'_>, manifest: &Manifest, grants: &[HttpGrant]) -> Result<(), ConfigError> {
    let answer_http = manifest.services.iter().filter(|(_, callee)| matches!(callee.trigger(), Trigger::Http(_)));
    let there: Vec<&str> = answer_http.map(|(callee, _)| callee.as_str()).collect();
    for (index, grant) in grants.iter().enumerate().filter(|(_, grant)| grant.origin.is_internal()) {
        if !grant.origin.internal_service().is_some_and(|callee| there.contains(&callee)) {
            let reason = format!(
                "{} is no service here that answers HTTP: write http://<service>.internal, without a port; there are: {}",
                grant.origin,
                there.join(", ")
            );
            return Err(section.error(&[&index.to_string(), "origin"], reason));
        }
    }
    Ok(())
}

impl Grant for Origins {
    fn rights(&self) -> Vec<Right> {
        explain::rights(&self.grants)
    }

    fn explain(&self, action: &[&str]) -> Option<Verdict> {
        explain::explain(&self.grants, action)
    }

    fn reaches(&self, service: &str, address: Option<SocketAddr>) -> bool {
        self.grants.iter().any(|grant| {
            let at_its_port = address.is_some_and(|address| grant.origin.port() == Some(address.port()));
            grant.origin.internal_service() == Some(service) || grant.private && at_its_port
        })
    }
}

impl Outgoing for Http {
    fn send(&self, scope: &Scope, request: http::Request<WasiBody>, options: RequestOptions) -> Sending {
        // Where it ends without an answer, also because the component would not wait longer, the other server was away.
        let calling = scope.calling(NAME).or_given_up(CallOutcome::Away);
        let sending = prepare(scope, request, options);
        async move {
            let answer = match sending {
                Ok(sending) => sending.await,
                Err(denied) => Err(denied),
            };
            calling.ended(there::outcome(&answer));
            answer
        }
        .boxed()
    }
}

/// The grant decides: who is called, which client may connect, and which headers are the host's own.
fn prepare(scope: &Scope, mut request: http::Request<WasiBody>, options: RequestOptions) -> Result<Sending, Error> {
    let origin = Origin::of(request.uri()).ok_or(Error::HttpRequestUriInvalid)?;
    let granted: Option<&Origins> = scope.grant();
    let found = granted.and_then(|origins| {
        let grant = origins.grants.iter().find(|grant| grant.origin == origin)?;
        Some((origins, grant))
    });
    let (Origins { clients, peers, places, .. }, grant) = found.ok_or_else(|| {
        let log = &scope.granted().log;
        log.tell(|| tracing::warn!(%origin, "outbound request denied: no `grants.http` has this origin"));
        Error::HttpRequestDenied
    })?;
    for (name, value) in &grant.headers {
        request.headers_mut().insert(name, value.clone());
    }
    if let Some(service) = origin.internal_service() {
        if scope.depth >= scope.limits().hops {
            let (hops, id) = (scope.limits().hops, scope.id.to_str().unwrap_or_default());
            scope.granted().log.tell(|| tracing::warn!(
                %origin, request_id = id,
                "outbound request refused: {hops} services of this host wait for each other already (limits.hops); do they call each other in a circle?"
            ));
            return Err(Error::LoopDetected);
        }
        let place = places.within(scope)?;
        let answer = internal::call(&**peers, service, request, scope.caller(), options);
        return Ok(answer.map(|answer| answer.map(|response| place.keep(response))).boxed());
    }
    if !grant.private && address::is_private_literal(request.uri()) {
        let log = &scope.granted().log;
        log.tell(|| tracing::warn!(%origin, "outbound request denied: `private = true` is not granted"));
        return Err(Error::DestinationIpProhibited);
    }
    // The client writes it from the URI, so that it cannot name another origin than the granted one.
    request.headers_mut().remove(HOST);
    let client = if grant.private { &clients.private } else { &clients.public };
    let place = places.outside(scope)?;
    let answer = send::send(client.clone(), request, options, scope.granted().clone());
    let secrets = hidden::secrets(&grant.headers);
    let keep = move |response| {
        let mut response = place.keep(response);
        hidden::hide(response.headers_mut(), &secrets);
        response
    };
    Ok(answer.map(|answer| answer.map(keep)).boxed())
}
