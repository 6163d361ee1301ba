//! The admin port, for those who run the host. `openapi.json` beside this file describes it; the routes are:
//!
//! - `GET /healthz`: the process lives.
//! - `GET /readyz`: every service can be called and every backend answers; else 503, with what is missing.
//! - `GET /metrics`: measurements in the OpenMetrics text format.
//! - `GET /openapi.json`: the description of this API.
//! - `GET /mailbox`: passed on to the mailbox that stands in for SendGrid, where the manifest names one.
//! - `GET /services`: every service, with the version that is live.
//! - `GET /services/{name}/history`: what was swapped, when, by what, and what came of it.
//! - `GET /services/{name}/logs`: what it has logged, with `?follow=true` also what it will.
//! - `POST /services/{name}/versions`: brings the component in the body to life.
//! - `POST /services/{name}/rollback`, with `?to=<digest>`: goes back to a version that is kept.
//!
//! With a token, all but the first two need it.

pub mod client;
mod health;
mod logs;
mod versions;

use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::ingress::listener::{self, Bounds};
use crate::ingress::problem::{Body, full, problem};
use crate::supervisor::Supervisor;

/// Few people and a probe or two use it.
const BOUNDS: Bounds =
    Bounds { header_timeout: Duration::from_secs(30), max_connections: 64, drain: Duration::from_secs(2) };

/// Whoever follows a log keeps a connection: there must be others left, above all for probes.
const MAX_FOLLOWERS: usize = BOUNDS.max_connections / 2;

const OPENAPI: &str = include_str!("openapi.json");
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

struct Admin {
    supervisor: Arc<Supervisor>,
    settings: config::Admin,
    http: Client<HttpConnector, http_body_util::Empty<hyper::body::Bytes>>,
    /// Ends those who follow a log.
    stop: CancellationToken,
    /// Places for them.
    followers: Arc<Semaphore>,
}

/// Serves the admin port until `stop`.
pub async fn serve(
    listener: TcpListener,
    supervisor: Arc<Supervisor>,
    settings: config::Admin,
    stop: CancellationToken,
) {
    let http = Client::builder(TokioExecutor::new()).build_http();
    let followers = Arc::new(Semaphore::new(MAX_FOLLOWERS));
    let admin = Arc::new(Admin { supervisor, settings, http, stop: stop.clone(), followers });
    listener::serve(Arc::new(listener), BOUNDS, stop, move |request| {
        let admin = admin.clone();
        async move { Ok(admin.answer(request).await) }
    })
    .await;
}

impl Admin {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let is_health = matches!(segments.as_slice(), ["healthz" | "readyz"]);
        let is_authorized = self.is_authorized(&request);
        if !is_health && !is_authorized {
            return problem(StatusCode::UNAUTHORIZED, "send `Authorization: Bearer <admin.token>`");
        }
        match (request.method(), segments.as_slice()) {
            (&Method::GET, ["healthz"]) => json(StatusCode::OK, &serde_json::json!({"status": "ok"})),
            (&Method::GET, ["readyz"]) => self.ready(is_authorized).await,
            (&Method::GET, ["metrics"]) => {
                with_type(OPEN_METRICS, full(self.supervisor.swapper.clients.metrics.text()))
            }
            (&Method::GET, ["openapi.json"]) => with_type("application/json", full(OPENAPI)),
            (&Method::GET, ["mailbox"]) => self.mailbox().await,
            (&Method::GET, ["services"]) => self.services(),
            (&Method::GET, ["services", name, "history"]) => self.history(name),
            (&Method::GET, ["services", name, "logs"]) => self.logs(name, request.uri().query()),
            (&Method::POST, ["services", name, "versions"]) => self.upload(name, request).await,
            (&Method::POST, ["services", name, "rollback"]) => self.rollback(name, request.uri().query()).await,
            (_, ["healthz" | "readyz" | "metrics" | "openapi.json" | "mailbox" | "services"])
            | (_, ["services", _, "history" | "logs" | "versions" | "rollback"]) => not_allowed(segments.last()),
            _ => problem(StatusCode::NOT_FOUND, "there is nothing here; GET /openapi.json says what there is"),
        }
    }

    /// Compares in a time that does not depend on where the first difference is.
    fn is_authorized(&self, request: &Request<Incoming>) -> bool {
        let Some(token) = &self.settings.token else { return true };
        let expected = format!("Bearer {token}");
        let given = request.headers().get(AUTHORIZATION).map_or(&[][..], HeaderValue::as_bytes);
        given.ct_eq(expected.as_bytes()).into()
    }
}

fn not_allowed(resource: Option<&&str>) -> Response<Body> {
    let allowed = if matches!(resource, Some(&"versions" | &"rollback")) { "POST" } else { "GET" };
    let mut refusal = problem(StatusCode::METHOD_NOT_ALLOWED, &format!("this resource answers {allowed}"));
    refusal.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static(allowed));
    refusal
}

fn json(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    let text = serde_json::to_string(body).expect("answers have only strings as keys");
    let mut response = with_type("application/json", full(text));
    *response.status_mut() = status;
    response
}

fn with_type(content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::OPENAPI;

    #[test]
    fn every_route_is_described() {
        let document: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
        let source = include_str!("mod.rs");
        let routes = source.lines().filter_map(|line| line.strip_prefix("//! - `")).filter_map(|line| {
            let (method, rest) = line.split_once(' ')?;
            Some((method.to_lowercase(), rest.split_once('`')?.0))
        });
        let routes: Vec<_> = routes.collect();
        assert_eq!(routes.len(), 10);
        for (method, path) in routes {
            assert!(document["paths"][path][&method].is_object(), "{method} {path}");
        }
    }
}
