//! What keeps pages that somebody's browser shows from asking in their name. A page can send a request anywhere, and reach a
//! loopback address; what it cannot do is to choose `Host` and `Origin`, or send a body of this type without being asked first.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{CONTENT_TYPE, HOST, HeaderValue, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, StatusCode};
use utoipa::openapi::OpenApi;

use super::guard::{operations, refuses};
use super::refusal::Refusal;

/// The type of all bodies that this API takes.
pub(super) const BODY: &str = "application/wasm";

/// The names that this port is asked by: its address, those of loopback, and those of the manifest. Any other is one that
/// somebody else has pointed at this address (DNS rebinding).
#[derive(Clone)]
pub(super) struct Names {
    bound: IpAddr,
    others: Arc<[String]>,
}

impl Names {
    pub(crate) fn new(bound: SocketAddr, others: &[String]) -> Self {
        Self { bound: bound.ip(), others: others.into() }
    }

    /// Whether a request with this authority is meant for this port. An address needs no name server, so any is right where
    /// the port is bound to all.
    fn has(&self, authority: &Authority) -> bool {
        let host = authority.host();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let is_name = |name: &str| name.eq_ignore_ascii_case(host);
        match address {
            Ok(ip) => {
                ip.is_loopback() || ip == self.bound || self.bound.is_unspecified() || is_name_of(host, &self.others)
            }
            Err(_) => is_name("localhost") || is_name_of(host, &self.others),
        }
    }
}

fn is_name_of(host: &str, names: &[String]) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(host))
}

/// Stands before all routes.
pub(super) async fn check(State(names): State<Names>, request: Request<Body>, next: Next) -> Result<Response, Refusal> {
    host(&names, &request)?;
    origin(request.headers())?;
    content_type(&request)?;
    Ok(next.run(request).await)
}

/// HTTP/1.0 needs none, and no browser speaks it.
fn host(names: &Names, request: &Request<Body>) -> Result<(), Refusal> {
    let header = request.headers().get(HOST).map(HeaderValue::as_bytes);
    let authorities = header.map(Authority::try_from).into_iter().chain(request.uri().authority().cloned().map(Ok));
    for authority in authorities {
        if !authority.is_ok_and(|authority| names.has(&authority)) {
            let detail = "the admin port is not known by the name in `Host`: ask for its address or for localhost, or add \
                          the name to `hosts` under [admin]";
            return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, detail));
        }
    }
    Ok(())
}

/// A page of this port itself has the origin that it asks for.
fn origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let host = headers.get(HOST).map(HeaderValue::as_bytes);
    let is_own = |origin: &HeaderValue| {
        let origin = origin.as_bytes();
        let authority = origin.strip_prefix(b"http://").or_else(|| origin.strip_prefix(b"https://"));
        authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host))
    };
    if headers.get_all(ORIGIN).iter().all(is_own) {
        return Ok(());
    }
    Err(Refusal::new(StatusCode::FORBIDDEN, "pages of other origins may not ask the admin port; send no `Origin`"))
}

/// What a page may send elsewhere without asking first has another type, or none.
fn content_type(request: &Request<Body>) -> Result<(), Refusal> {
    let given = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_empty = request.body().is_end_stream() && given.is_none();
    if is_empty || given.is_some_and(|given| given.eq_ignore_ascii_case(BODY.as_bytes())) {
        return Ok(());
    }
    let detail = "a body must be a component: send it with `Content-Type: application/wasm`";
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
}

/// Adds to the description of all routes what they refuse.
pub(super) fn describe(document: &mut OpenApi) {
    for operation in operations(document) {
        refuses(operation, StatusCode::MISDIRECTED_REQUEST, "`Host` names no address or name of the admin port.");
        refuses(operation, StatusCode::FORBIDDEN, "`Origin` is not that of the admin port.");
        refuses(
            operation,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "There is a body, and its type is not `application/wasm`.",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(bound: &str, host: &str) -> bool {
        let names = Names::new(bound.parse().unwrap(), &["admin.example.com".to_owned()]);
        names.has(&host.parse().unwrap())
    }

    #[test]
    fn it_is_known_by_its_address_and_by_names_that_were_said() {
        for host in ["localhost:8080", "LOCALHOST", "127.0.0.1:9", "127.1.2.3", "[::1]:80", "Admin.example.com:8080"] {
            assert!(known("127.0.0.1:8080", host), "{host}");
        }
        for host in ["example.com", "10.0.0.1:8080", "localhost.example.com", "127.0.0.1.example.com", "2130706433"] {
            assert!(!known("127.0.0.1:8080", host), "{host}");
        }
        assert!(known("10.0.0.1:80", "10.0.0.1") && !known("10.0.0.1:80", "10.0.0.2"));
        assert!(
            known("0.0.0.0:80", "10.0.0.2") && known("[::]:80", "[fe80::1]") && !known("0.0.0.0:80", "evil.example")
        );
    }

    #[test]
    fn only_its_own_origin_may_ask() {
        let asks = |from: &str| {
            let headers =
                [(HOST, "localhost:8080"), (ORIGIN, from)].map(|(name, value)| (name, value.parse().unwrap()));
            origin(&headers.into_iter().collect()).is_ok()
        };
        assert!(asks("http://localhost:8080") && asks("https://localhost:8080"));
        for foreign in
            ["null", "", "http://localhost", "http://localhost:8081", "http://evil.example", "localhost:8080"]
        {
            assert!(!asks(foreign), "{foreign}");
        }
    }
}
