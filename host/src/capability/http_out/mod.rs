//! Outbound HTTP: requests to the origins that a service is granted, as `wasi:http/outgoing-handler`.
//!
//! The host resolves and checks the address itself, adds the headers of the grant, and follows no redirect, so a component
//! reaches nothing but the granted origin and never sees a secret.

mod address;
mod asking;
mod attempt;
mod client;
mod error_code;
mod failure;
mod idle;
mod internal;
mod reach;
mod resolver;
mod send;

use std::future::Future;
use std::pin::Pin;

use http::header::{HOST, HeaderName};
use wasmtime::component::Linker;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use self::asking::Asking;
pub use self::client::Clients;
pub use self::reach::{Unreachable, reach};
use crate::config::Origin;
use crate::deployment::Deployment;
use crate::state::{Current, Invocation, State};

/// Parts of a body that wait between a component and its reader, and the size of each: 1 MiB at the most.
const BUFFERED_PARTS: usize = 8;
const LARGEST_PART: usize = 128 << 10;

/// Offers WASI's HTTP to components.
///
/// # Errors
/// It is offered already.
pub fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    error_code::add_to_linker(linker)
}

type Sent = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

/// What `wasi:http` asks before it sends a request of one invocation.
impl WasiHttpHooks for Current {
    /// What is forbidden by default. The default itself allocates at each call, which is one for each header.
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }

    /// A component that writes its body in a few parts is done with it, and with the invocation, before the client has read
    /// any of it.
    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        BUFFERED_PARTS
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        LARGEST_PART
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _body_result: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        let invocation = self.get();
        let sending = prepare(invocation, request, options.unwrap_or_default());
        let away = invocation.away.clone();
        Box::new(async move {
            let sending = sending?;
            let asking = Asking::new(away);
            let response = sending.await;
            asking.ended(&response);
            let response = response?;
            let finished: Box<dyn Future<Output = _> + Send> = Box::new(std::future::ready(Ok(())));
            Ok((response, finished))
        })
    }
}

type Sending = Pin<Box<dyn Future<Output = Result<http::Response<WasiBody>, Error>> + Send>>;

/// The grant decides: who is called, which client may connect, and which headers are the host's own.
fn prepare(
    invocation: &Invocation,
    mut request: http::Request<WasiBody>,
    options: RequestOptions,
) -> Result<Sending, Error> {
    let Deployment { spec, clients, .. } = &*invocation.deployment;
    let origin = Origin::of(request.uri()).ok_or(Error::HttpRequestUriInvalid)?;
    let grant = spec.grants.http.iter().find(|grant| grant.origin == origin).ok_or_else(|| {
        tracing::warn!(%origin, "outbound request denied: no `grants.http` has this origin");
        Error::HttpRequestDenied
    })?;
    for (name, value) in &grant.headers {
        request.headers_mut().insert(name, value.clone());
    }
    if let Some(service) = origin.internal_service() {
        let callee = clients.services.find(service);
        return Ok(Box::pin(internal::call(callee, request, invocation.id.clone(), options)));
    }
    if !grant.private && address::literal(request.uri()).is_some_and(|ip| !address::is_public(ip)) {
        tracing::warn!(%origin, "outbound request denied: `private = true` is not granted");
        return Err(Error::DestinationIpProhibited);
    }
    // The client writes it from the URI, so that it cannot name another origin than the granted one.
    request.headers_mut().remove(HOST);
    let client = if grant.private { &clients.http.private } else { &clients.http.public };
    Ok(Box::pin(send::send(client.clone(), request, options)))
}
