//! Calls to other servers, those that the manifest grants to the service.

use std::time::Duration;
use std::{error, fmt};

use serde::Serialize;

use super::body::{self, BodyError};
use super::deadline::{Deadline, Elapsed};
use super::fields;
use super::problem::Problem;
use super::response::Response;
use crate::wit::wasi::http::outgoing_handler;
use crate::wit::wasi::http::types::{self, ErrorCode, FutureIncomingResponse, IncomingResponse, Method, Scheme};

/// The most that is read of an answer: those that a component asks for are small, and its memory is limited.
pub const MAX_RESPONSE_BYTES: usize = 1024 * 1024;

/// A request to another server. The host adds the headers that the grant holds, such as `authorization`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingRequest {
    pub method: String,
    /// `http://` or `https://`, the authority, the path.
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl OutgoingRequest {
    /// A POST of `value` as JSON.
    pub fn post_json<T: Serialize>(url: String, value: &T) -> serde_json::Result<Self> {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Ok(Self { method: "POST".to_owned(), url, headers, body: serde_json::to_vec(value)? })
    }
}

/// Why there is no whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendError {
    /// The time passed. The other server may have done what it was asked.
    Timeout,
    /// No connection, or it broke; the text says how.
    Unreachable(String),
    /// The manifest does not grant this origin to the service.
    Denied,
    /// The request is impossible, the answer breaks the protocol or is too long; the text says which.
    Other(String),
}

impl fmt::Display for SendError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => formatter.write_str("no answer in time"),
            Self::Unreachable(how) => write!(formatter, "unreachable: {how}"),
            Self::Denied => formatter.write_str("the manifest does not grant this origin (grants.http)"),
            Self::Other(what) => formatter.write_str(what),
        }
    }
}

impl error::Error for SendError {}

/// The other server's fault, but for a grant that is missing: that is ours.
impl From<SendError> for Problem {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Timeout => Problem::gateway_timeout(error),
            SendError::Unreachable(_) | SendError::Other(_) => Problem::bad_gateway(error),
            SendError::Denied => Problem::internal(error),
        }
    }
}

impl From<Elapsed> for SendError {
    fn from(_: Elapsed) -> Self {
        Self::Timeout
    }
}

impl From<BodyError> for SendError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Elapsed => Self::Timeout,
            BodyError::TooLong => Self::Other(format!("the answer has more than {MAX_RESPONSE_BYTES} bytes")),
            BodyError::Broken(Some(code)) => code.into(),
            BodyError::Broken(None) => Self::Unreachable("the connection closed within a body".to_owned()),
        }
    }
}

impl From<ErrorCode> for SendError {
    fn from(code: ErrorCode) -> Self {
        use ErrorCode::*;
        match code {
            DnsTimeout | ConnectionTimeout | ConnectionReadTimeout | ConnectionWriteTimeout | HttpResponseTimeout => {
                Self::Timeout
            }
            HttpRequestDenied | DestinationIpProhibited => Self::Denied,
            DnsError(_)
            | DestinationNotFound
            | DestinationUnavailable
            | DestinationIpUnroutable
            | ConnectionRefused
            | ConnectionTerminated
            | ConnectionLimitReached
            | TlsProtocolError
            | TlsCertificateError
            | TlsAlertReceived(_)
            | HttpResponseIncomplete => Self::Unreachable(format!("{code:?}")),
            other => Self::Other(format!("{other:?}")),
        }
    }
}

/// Sends the request and reads the whole answer, all of it within `timeout`.
pub fn send(request: &OutgoingRequest, timeout: Duration) -> Result<Response, SendError> {
    let deadline = Deadline::after(timeout);
    let head = head(request)?;
    let body = head.body().map_err(|()| impossible("body"))?;
    // No limits for the parts: none of them can take longer than the whole.
    let answer = outgoing_handler::handle(head, None)?;
    // A server may answer, or go away, before it has read the body: what it says is in `answer` then.
    if let Err(BodyError::Elapsed) = body::write(body, &request.body, &deadline) {
        return Err(SendError::Timeout);
    }
    read(&await_answer(&answer, &deadline)?, &deadline)
}

fn head(request: &OutgoingRequest) -> Result<types::OutgoingRequest, SendError> {
    let url = Url::parse(&request.url).ok_or_else(|| impossible("URL"))?;
    let fields = fields::with_length(request.headers.clone(), request.body.len()).map_err(|()| impossible("header"))?;
    let head = types::OutgoingRequest::new(fields);
    head.set_method(&method(&request.method)).map_err(|()| impossible("method"))?;
    head.set_scheme(Some(&url.scheme)).map_err(|()| impossible("scheme"))?;
    head.set_authority(Some(url.authority)).map_err(|()| impossible("authority"))?;
    head.set_path_with_query(Some(&url.path_with_query)).map_err(|()| impossible("path"))?;
    Ok(head)
}

fn impossible(part: &str) -> SendError {
    SendError::Other(format!("the request has an impossible {part}"))
}

fn await_answer(answer: &FutureIncomingResponse, deadline: &Deadline) -> Result<IncomingResponse, SendError> {
    deadline.wait(&answer.subscribe())?;
    match answer.get() {
        Some(Ok(answer)) => Ok(answer?),
        _ => Err(SendError::Other("the host has no answer, though it said that it had".to_owned())),
    }
}

fn read(answer: &IncomingResponse, deadline: &Deadline) -> Result<Response, SendError> {
    let body = answer.consume().map_err(|()| SendError::Other("the host gave the body away already".to_owned()))?;
    Ok(Response {
        status: answer.status(),
        headers: fields::texts(&answer.headers()),
        body: body::read(&body, deadline, MAX_RESPONSE_BYTES)?,
    })
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

/// The parts of an address that wasi:http wants one by one. The host checks them.
struct Url<'a> {
    scheme: Scheme,
    authority: &'a str,
    path_with_query: String,
}

impl<'a> Url<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = match text.split_once("://")? {
            ("http", rest) => (Scheme::Http, rest),
            ("https", rest) => (Scheme::Https, rest),
            _ => return None,
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let slash = if path.starts_with('/') { "" } else { "/" };
        (!authority.is_empty()).then(|| Self { scheme, authority, path_with_query: format!("{slash}{path}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> Option<(String, String)> {
        Url::parse(url).map(|url| (url.authority.to_owned(), url.path_with_query))
    }

    #[test]
    fn urls_come_apart() {
        let two = |authority: &str, path: &str| Some((authority.to_owned(), path.to_owned()));
        assert_eq!(parts("http://127.0.0.1:8082/order"), two("127.0.0.1:8082", "/order"));
        assert_eq!(parts("https://api.sendgrid.com"), two("api.sendgrid.com", "/"));
        assert_eq!(parts("https://example.com?a=/b"), two("example.com", "/?a=/b"));
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for url in ["", "example.com", "ftp://example.com", "http://", "http:///path"] {
            assert_eq!(parts(url), None, "{url}");
        }
    }

    #[test]
    fn errors_keep_their_kind() {
        assert_eq!(SendError::from(ErrorCode::HttpResponseTimeout), SendError::Timeout);
        assert_eq!(SendError::from(ErrorCode::HttpRequestDenied), SendError::Denied);
        assert!(matches!(SendError::from(ErrorCode::ConnectionRefused), SendError::Unreachable(_)));
        assert!(matches!(SendError::from(ErrorCode::LoopDetected), SendError::Other(_)));
    }
}
