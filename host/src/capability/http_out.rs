//! Outbound HTTP: requests to the origins that a service is granted, as `wasi:http/outgoing-handler`.
//!
//! The host resolves and checks the address itself, adds the headers of the grant, and follows no redirect, so a component
//! reaches nothing but the granted origin and never sees a secret.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::StatusCode;
use http::header::{HOST, HeaderName};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::TokioExecutor;
use tower_service::Service;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::capability::away::BackendAway;
use crate::capability::internal;
use crate::config::Origin;
use crate::deployment::Deployment;
use crate::state::{Current, Invocation};

/// How long to wait for a connection where the component sets no limit of its own.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Parts of a body that wait between a component and its reader, and the size of each: 1 MiB at the most.
const BUFFERED_PARTS: usize = 8;
const LARGEST_PART: usize = 128 << 10;

type HttpClient = Client<HttpsConnector<HttpConnector<Resolver>>, WasiBody>;

/// The connection pools that all services share: one for addresses of the internet, one for any address, so that a
/// connection of the second is never handed to a request of the first.
#[derive(Clone)]
pub struct Clients {
    public: HttpClient,
    private: HttpClient,
}

impl Default for Clients {
    fn default() -> Self {
        Self { public: client(Resolver { private: false }), private: client(Resolver { private: true }) }
    }
}

fn client(resolver: Resolver) -> HttpClient {
    let mut connector = HttpConnector::new_with_resolver(resolver);
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_webpki_roots()
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .wrap_connector(connector);
    Client::builder(TokioExecutor::new()).build(connector)
}

/// Resolves names, and leaves out addresses that are not of the internet unless they are granted.
#[derive(Clone, Copy)]
struct Resolver {
    private: bool,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let private = self.private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> = found.into_iter().filter(|at| private || is_public(at.ip())).collect();
            if allowed.is_empty() {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, ProhibitedAddress));
            }
            Ok(allowed.into_iter())
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the host name has no address outside private networks, and the grant does not say `private = true`")]
struct ProhibitedAddress;

/// Neither loopback, link-local, private, shared (RFC 6598), unspecified, multicast nor reserved.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => embedded_v4(ip).map_or_else(|| is_public_v6(ip), is_public_v4),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    let shared = first == 100 && (64..128).contains(&second);
    let reserved = first == 0 || first >= 240;
    !(ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_multicast() || shared || reserved)
}

/// Addresses of the internet are in 2000::/3 (RFC 4291 section 4).
fn is_public_v6(ip: Ipv6Addr) -> bool {
    ip.segments()[0] & 0xE000 == 0x2000
}

/// The IPv4 address that an IPv6 address stands for: mapped (`::ffff:0:0/96`), NAT64 (`64:ff9b::/96`) or 6to4 (`2002::/16`).
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = ip.octets();
    let last = Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15]);
    match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(last),
        [0x2002, ..] => Some(Ipv4Addr::new(octets[2], octets[3], octets[4], octets[5])),
        _ => ip.to_ipv4_mapped(),
    }
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
            let asking = Asking(Some(away));
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
    if !grant.private && literal_ip(request.uri()).is_some_and(|ip| !is_public(ip)) {
        tracing::warn!(%origin, "outbound request denied: `private = true` is not granted");
        return Err(Error::DestinationIpProhibited);
    }
    // The client writes it from the URI, so that it cannot name another origin than the granted one.
    request.headers_mut().remove(HOST);
    let client = if grant.private { &clients.http.private } else { &clients.http.public };
    Ok(Box::pin(send(client.clone(), request, options)))
}

/// A request under way. Where it ends without an answer, also because the component would not wait longer, the other server
/// was away.
struct Asking(Option<BackendAway>);

impl Asking {
    fn ended(mut self, response: &Result<http::Response<WasiBody>, Error>) {
        let is_there = match response {
            Ok(response) => !says_away(response.status()),
            Err(error) => matches!(error, Error::DestinationIpProhibited),
        };
        if is_there {
            self.0 = None;
        }
    }
}

/// By these a server, or the one before it, says that it is not there just now, and nothing of what it was asked.
fn says_away(status: StatusCode) -> bool {
    [429, 502, 503, 504].contains(&status.as_u16())
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(away) = &self.0 {
            away.note();
        }
    }
}

/// The address in the URI itself, which no resolver sees.
fn literal_ip(uri: &http::Uri) -> Option<IpAddr> {
    uri.host()?.trim_matches(['[', ']']).parse().ok()
}

async fn send(
    client: HttpClient,
    request: http::Request<WasiBody>,
    options: RequestOptions,
) -> Result<http::Response<WasiBody>, Error> {
    let response = first_byte(client.request(request), options.first_byte_timeout).await?;
    let idle = options.between_bytes_timeout;
    Ok(response.map_err(|e| error(&e))?.map(|body| IdleTimeout::new(body, idle).boxed_unsync()))
}

/// An answer's head, within the limit that the component has set for it.
pub(super) async fn first_byte<T>(answer: impl Future<Output = T>, limit: Option<Duration>) -> Result<T, Error> {
    match limit {
        None => Ok(answer.await),
        Some(limit) => tokio::time::timeout(limit, answer).await.map_err(|_| Error::HttpResponseTimeout),
    }
}

fn error(error: &legacy::Error) -> Error {
    let causes = || std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let io_error = causes().find_map(|cause| cause.downcast_ref::<io::Error>());
    tracing::warn!(error = %causes().last().map_or_else(|| error.to_string(), ToString::to_string), "outbound request failed");
    match io_error.map(io::Error::kind) {
        Some(io::ErrorKind::PermissionDenied) => Error::DestinationIpProhibited,
        Some(io::ErrorKind::TimedOut) => Error::ConnectionTimeout,
        Some(io::ErrorKind::ConnectionRefused) => Error::ConnectionRefused,
        Some(io::ErrorKind::InvalidData) => Error::TlsCertificateError,
        _ if error.is_connect() => Error::DestinationUnavailable,
        _ => Error::ConnectionTerminated,
    }
}

/// A response body that fails when its next part takes too long.
struct IdleTimeout {
    body: Incoming,
    limit: Option<Duration>,
    deadline: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl IdleTimeout {
    fn new(body: Incoming, limit: Option<Duration>) -> Self {
        Self { body, limit, deadline: None }
    }
}

impl Body for IdleTimeout {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.deadline = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::from)));
        }
        let Some(limit) = self.limit else { return Poll::Pending };
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        deadline.as_mut().poll(context).map(|()| Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::is_public;

    #[test]
    fn only_the_internet_is_public() {
        for ip in ["8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
        let private =
            ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"];
        let private_v6 =
            ["::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::"];
        for ip in private.into_iter().chain(private_v6).chain(["224.0.0.1", "255.255.255.255"]) {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
    }
}
