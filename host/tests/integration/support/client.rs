//! A small HTTP client.

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// A client of one server.
#[derive(Clone)]
pub struct Client {
    pub address: SocketAddr,
    /// Of the admin port, for its client.
    token: Option<String>,
    http: legacy::Client<HttpConnector, Full<Bytes>>,
}

/// A whole answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        let http = legacy::Client::builder(TokioExecutor::new()).build_http();
        Self { address, token: None, http }
    }

    /// One that speaks HTTP/2 from the first byte, without TLS.
    pub fn h2c(address: SocketAddr) -> Self {
        let http = legacy::Client::builder(TokioExecutor::new()).http2_only(true).build_http();
        Self { address, token: None, http }
    }

    /// The client of an admin port: it sends the token, and says of bodies that they are components.
    pub fn of_admin(address: SocketAddr, token: &str) -> Self {
        Self { token: Some(format!("Bearer {token}")), ..Self::new(address) }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.ask(Method::GET, path).await
    }

    /// Sends JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_text(path, body.to_string()).await
    }

    /// Sends what claims to be JSON.
    pub async fn post_text(&self, path: &str, body: impl Into<Bytes>) -> Reply {
        let mut request = self.request(Method::POST, path, body);
        request.headers_mut().insert(CONTENT_TYPE, "application/json".parse().unwrap());
        self.send(request).await
    }

    /// A request of this method without a body.
    pub async fn ask(&self, method: Method, path: &str) -> Reply {
        self.send(self.request(method, path, "")).await
    }

    /// A GET with one more header.
    pub async fn get_with(&self, path: &str, name: HeaderName, value: &str) -> Reply {
        let mut request = self.request(Method::GET, path, "");
        request.headers_mut().insert(name, value.parse().unwrap());
        self.send(request).await
    }

    /// A request to this server, to be changed before it is sent.
    pub fn request(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
        let (uri, body) = (format!("http://{}{path}", self.address), body.into());
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
            if !body.is_empty() {
                request = request.header(CONTENT_TYPE, "application/wasm");
            }
        }
        request.body(Full::new(body)).unwrap()
    }

    /// # Panics
    /// There is no whole answer.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Reply {
        let what = format!("{} {}", request.method(), request.uri());
        self.try_send(request).await.unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// The head of an answer, and a body that is not read yet.
    pub async fn open(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        self.http.request(request).await.unwrap()
    }

    pub async fn try_send(&self, request: Request<Full<Bytes>>) -> Result<Reply, Box<dyn std::error::Error>> {
        let (head, body) = self.http.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
    }
}

impl Reply {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body, if the status is as expected.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{self:?}");
        self.text()
    }

    /// The document of a problem with this status: RFC 9457.
    #[track_caller]
    pub fn problem(&self, status: u16) -> Value {
        assert_eq!((self.status, self.header("content-type")), (status, Some("application/problem+json")), "{self:?}");
        let document = self.json();
        assert_eq!(document["status"], status, "{document}");
        for member in ["type", "title", "detail"] {
            assert!(document[member].as_str().is_some_and(|text| !text.is_empty()), "{member} of {document}");
        }
        document
    }
}
