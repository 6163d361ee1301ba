//! The admin port, for those who run the host:
//!
//! - `GET /healthz`: the process lives.
//! - `GET /readyz`: every service can be called and every backend answers; else 503, with what is missing.
//! - `GET /metrics`: measurements in the OpenMetrics text format.
//! - `GET /mailbox`: passed on to the mailbox that stands in for SendGrid, where the manifest names one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clients::Clients;
use crate::ingress::listener::{self, Bounds};
use crate::ingress::problem::{Body, full, problem};
use crate::registry::Service;

/// Few people and a probe or two use it.
const BOUNDS: Bounds =
    Bounds { header_timeout: Duration::from_secs(30), max_connections: 64, drain: Duration::from_secs(2) };

/// How long a backend may take before it counts as away.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// More than the mailbox ever holds.
const MAX_MAILBOX: usize = 16 << 20;

/// Longer than all pings together take.
const ASK_TIMEOUT: Duration = Duration::from_secs(15);

struct Admin {
    services: Vec<Arc<Service>>,
    clients: Clients,
    mailbox: Option<url::Url>,
    http: Client<HttpConnector, Empty<Bytes>>,
}

/// Serves the admin port until `stop`.
pub async fn serve(
    listener: TcpListener,
    services: Vec<Arc<Service>>,
    clients: Clients,
    mailbox: Option<url::Url>,
    stop: CancellationToken,
) {
    let http = Client::builder(TokioExecutor::new()).build_http();
    let admin = Arc::new(Admin { services, clients, mailbox, http });
    listener::serve(listener, BOUNDS, stop, move |request| {
        let admin = admin.clone();
        async move { admin.answer(request).await }
    })
    .await;
}

/// Asks the admin port of a running host whether it is ready.
///
/// # Errors
/// What is missing, or that nobody answers.
pub async fn ask_ready(address: SocketAddr) -> Result<(), String> {
    let client: Client<HttpConnector, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let uri = format!("http://{address}/readyz").parse().map_err(|e| format!("{address}: {e}"))?;
    let answer = tokio::time::timeout(ASK_TIMEOUT, client.get(uri)).await;
    let answer = answer.map_err(|_| "no answer in time".to_owned())?.map_err(|e| format!("{address}: {e}"))?;
    if answer.status().is_success() {
        return Ok(());
    }
    let body = Limited::new(answer.into_body(), MAX_MAILBOX).collect().await.map_err(|e| e.to_string())?;
    Err(String::from_utf8_lossy(&body.to_bytes()).into_owned())
}

impl Admin {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if request.method() != Method::GET {
            let mut refusal = problem(StatusCode::METHOD_NOT_ALLOWED, "the admin port answers GET");
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
            return refusal;
        }
        match request.uri().path() {
            "/healthz" => json_response(StatusCode::OK, &json!({"status": "ok"})),
            "/readyz" => self.ready().await,
            "/metrics" => with_type(OPEN_METRICS, full(self.clients.metrics.text())),
            "/mailbox" => self.mailbox().await,
            _ => problem(StatusCode::NOT_FOUND, "there are /healthz, /readyz, /metrics and /mailbox"),
        }
    }

    async fn ready(&self) -> Response<Body> {
        let mut missing = Vec::new();
        for service in &self.services {
            if !service.is_ready() {
                missing.push(format!("service {} cannot be called yet", service.name));
            }
            if service.databases.ping(PING_TIMEOUT).await.is_err() {
                missing.push(format!("a database of service {} does not answer", service.name));
            }
        }
        missing.extend(self.clients.missing(Vec::new(), PING_TIMEOUT).await);
        match missing.as_slice() {
            [] => json_response(StatusCode::OK, &json!({"status": "ready"})),
            missing => {
                json_response(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "waiting", "missing": missing}))
            }
        }
    }

    async fn mailbox(&self) -> Response<Body> {
        let Some(mailbox) = &self.mailbox else {
            return problem(StatusCode::NOT_FOUND, "there is no mailbox: mails go to SendGrid; see `admin.mailbox`");
        };
        let Ok(uri) = mailbox.as_str().parse() else {
            return problem(StatusCode::BAD_GATEWAY, "`admin.mailbox` cannot be asked");
        };
        match self.http.get(uri).await {
            Ok(answer) => pass_on(answer).await,
            Err(_) => problem(StatusCode::BAD_GATEWAY, "the mailbox does not answer"),
        }
    }
}

async fn pass_on(answer: Response<Incoming>) -> Response<Body> {
    let status = answer.status();
    match Limited::new(answer.into_body(), MAX_MAILBOX).collect().await {
        Ok(body) => with_json(status, full(body.to_bytes())),
        Err(_) => problem(StatusCode::BAD_GATEWAY, "the mailbox ended its answer early"),
    }
}

fn json_response(status: StatusCode, body: &serde_json::Value) -> Response<Body> {
    with_json(status, full(body.to_string()))
}

fn with_json(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = with_type("application/json", body);
    *response.status_mut() = status;
    response
}

fn with_type(content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
