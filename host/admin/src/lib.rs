//! The admin port, for those who run the host. Which routes there are, `open` and `guarded` say, and the document of the
//! API is made of the same handlers and of the types in `api.rs`: `GET /openapi.json`.

#![warn(missing_docs, unreachable_pub)]

pub mod api;
mod browsers;
pub mod client;
mod extract;
mod guard;
mod health;
mod history;
mod logs;
mod mailbox;
mod refusal;
pub mod token;
mod versions;

use std::sync::Arc;

use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::{Router, body};
use componentd_config::{self as config, Secret};
use componentd_control::supervisor::Supervisor;
use componentd_ingress::bounds::Bounds;
use componentd_ingress::listener::{self, Listening};
use componentd_ingress::problem::Body;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_service::Service as _;
use utoipa::openapi::{Info, OpenApi, Paths};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use self::browsers::Names;
use self::guard::Guard;
use self::refusal::Refusal;

/// Few people and a probe or two use it.
const BOUNDS: Bounds = Bounds::USUAL;

/// Whoever follows a log keeps a connection: there must be others left, above all for probes.
const MAX_FOLLOWERS: usize = BOUNDS.max_connections / 2;

struct Admin {
    supervisor: Arc<Supervisor>,
    settings: config::Admin,
    guard: Guard,
    /// The description of this API, as JSON.
    document: String,
    http: mailbox::Http,
    /// Ends those who follow a log.
    stop: CancellationToken,
    /// Places for them.
    followers: Arc<Semaphore>,
}

/// Serves the admin port until `stop`, for those who have the token.
pub async fn serve(
    listening: Listening,
    supervisor: Arc<Supervisor>,
    settings: config::Admin,
    token: Secret,
    stop: CancellationToken,
) {
    let guard = Guard::new(&token);
    let names = Names::new(listening.listener.local_addr().unwrap_or(settings.listen), &settings.hosts);
    let (routes, document) = api(guard.clone(), names);
    let document = document.to_json().expect("a document has only strings as keys");
    let http = Client::builder(TokioExecutor::new()).build_http();
    let followers = Arc::new(Semaphore::new(MAX_FOLLOWERS));
    let admin = Admin { supervisor, settings, guard, document, http, stop: stop.clone(), followers };
    let routes: Router = routes.with_state(Arc::new(admin));
    listener::serve(listening, BOUNDS, stop, move |request| {
        // A router is ready at any time.
        let answer = routes.clone().call(request);
        async move { Ok(answer.await?.map(to_body)) }
    })
    .await;
}

/// A handler with its description: a route without one has another type.
type Route = UtoipaMethodRouter<Arc<Admin>>;

/// The routes that need no token, for probes.
fn open() -> [Route; 2] {
    [routes!(health::health), routes!(health::readiness)]
}

/// The routes that need the token.
fn guarded() -> [Route; 8] {
    [
        routes!(health::metrics),
        routes!(document),
        routes!(mailbox::mailbox),
        routes!(versions::services),
        routes!(history::history),
        routes!(logs::logs),
        routes!(versions::upload),
        routes!(versions::rollback),
    ]
}

/// All routes, and the document that describes them. A path that is not there needs the token as well: without it nobody
/// learns what there is.
fn api(guard: Guard, names: Names) -> (Router<Arc<Admin>>, OpenApi) {
    let (open, mut document) = described(open());
    let (guarded, mut more) = described(guarded());
    guard::describe(&mut more);
    document.merge(more);
    browsers::describe(&mut document);
    let guarded = guarded
        .fallback(absent)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(guard, guard::check));
    let all = open.method_not_allowed_fallback(not_allowed).merge(guarded);
    (all.layer(from_fn_with_state(names, browsers::check)), document)
}

fn described<const N: usize>(routes: [Route; N]) -> (Router<Arc<Admin>>, OpenApi) {
    let info = Info::new("componentd admin API", env!("CARGO_PKG_VERSION"));
    let router = OpenApiRouter::with_openapi(OpenApi::new(info, Paths::new()));
    routes.into_iter().fold(router, OpenApiRouter::routes).split_for_parts()
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, description = "OpenAPI 3.1.", body = Object)))]
async fn document(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], admin.document.clone())
}

async fn absent() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "there is nothing here; GET /openapi.json says what there is")
}

/// The router adds `Allow`.
async fn not_allowed(method: Method) -> Refusal {
    let detail = format!("this resource does not answer {method}; the header `allow` says what it answers");
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

fn to_body(body: body::Body) -> Body {
    body.map_err(axum::Error::into_inner).boxed_unsync().into()
}
