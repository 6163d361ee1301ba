//! Which versions are live, and putting others there. Every action leaves a line in the log.

use std::path::Path;
use std::sync::Arc;

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use tracing::info;

use super::{Admin, json};
use crate::history::By;
use crate::ingress::problem::{Body, problem};
use crate::registry::Service;
use crate::swap::Rejected;

/// A service as the API shows it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Status {
    pub name: String,
    /// The version that is live.
    pub version: String,
    pub component: String,
    pub ready: bool,
    /// What the live version has answered, and how much of that failed.
    pub invocations: u64,
    pub failures: u64,
}

/// What a swap came to.
#[derive(Debug, Serialize, Deserialize)]
pub struct Swapped {
    pub service: String,
    pub version: String,
}

impl Admin {
    pub(super) fn services(&self) -> Response<Body> {
        let services: Vec<Status> = self.supervisor.services().iter().map(|service| status(service)).collect();
        json(StatusCode::OK, &services)
    }

    pub(super) fn history(&self, name: &str) -> Response<Body> {
        match self.supervisor.service(name) {
            Some(service) => json(StatusCode::OK, &service.history.entries()),
            None => no_service(name),
        }
    }

    pub(super) async fn upload(&self, name: &str, request: Request<Incoming>) -> Response<Body> {
        let limit = self.settings.max_upload.0;
        let body = match Limited::new(request.into_body(), limit).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                let detail = format!("a component may have at most {limit} bytes (admin.max-upload)");
                return problem(StatusCode::PAYLOAD_TOO_LARGE, &detail);
            }
            Err(_) => return problem(StatusCode::BAD_REQUEST, "the upload ended before it was whole"),
        };
        info!(target: "audit", service = name, bytes = body.len(), "upload");
        self.swap(name, Path::new("the upload"), Arc::from(&*body), By::Upload).await
    }

    pub(super) async fn rollback(&self, name: &str, query: Option<&str>) -> Response<Body> {
        let Some(service) = self.supervisor.service(name) else { return no_service(name) };
        let asked = query.and_then(|query| query.strip_prefix("to="));
        info!(target: "audit", service = name, to = asked, "rollback");
        let archive = &self.supervisor.swapper.archive;
        if !archive.is_kept() {
            return problem(StatusCode::CONFLICT, "no versions are kept: set `state` under [host] in the manifest");
        }
        let wanted = match asked {
            Some(prefix) => archive.find(name, prefix),
            None => service.history.before(&service.live().version.digest.full()),
        };
        match wanted.and_then(|digest| archive.version(name, &digest)) {
            Some(bytes) => self.swap(name, Path::new("a kept version"), bytes.into(), By::Rollback).await,
            None => problem(StatusCode::NOT_FOUND, "no such version is kept; the history names those that were live"),
        }
    }

    async fn swap(&self, name: &str, path: &Path, bytes: Arc<[u8]>, by: By) -> Response<Body> {
        if self.supervisor.service(name).is_none() {
            return no_service(name);
        }
        // A client that hangs up must not leave a swap half-way.
        let (supervisor, service, path) = (self.supervisor.clone(), name.to_owned(), path.to_owned());
        let swap = tokio::spawn(async move { supervisor.swap(&service, &path, bytes, by).await });
        match swap.await.expect("a swap does not panic") {
            Ok(digest) => json(StatusCode::OK, &Swapped { service: name.to_owned(), version: digest.full() }),
            Err(rejected) => refused(&rejected),
        }
    }
}

fn status(service: &Service) -> Status {
    let live = service.live();
    let (invocations, failures) = live.outcomes.counts();
    Status {
        name: service.name.clone(),
        version: live.version.digest.full(),
        component: live.spec.component.display().to_string(),
        ready: service.is_ready(),
        invocations,
        failures,
    }
}

fn refused(rejected: &Rejected) -> Response<Body> {
    problem(StatusCode::UNPROCESSABLE_ENTITY, &format!("not {}: {}", rejected.step, rejected.reason))
}

fn no_service(name: &str) -> Response<Body> {
    problem(StatusCode::NOT_FOUND, &format!("the manifest has no service {name:?}"))
}
