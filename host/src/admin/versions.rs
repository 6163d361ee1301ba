//! Which versions are live, and putting others there. Every action leaves a line in the log.

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use tracing::info;

use super::{Admin, json};
use crate::artifact::{Artifact, Source};
use crate::config::reasons::unknown;
use crate::digest::short;
use crate::ingress::problem::{Body, problem};
use crate::registry::Service;
use crate::rejected::Rejected;

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
            None => self.no_service(name),
        }
    }

    pub(super) async fn upload(&self, name: &str, request: Request<Incoming>) -> Response<Body> {
        if self.supervisor.service(name).is_none() {
            return self.no_service(name);
        }
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
        self.swap(name, Artifact::new(&*body, Source::Upload)).await
    }

    pub(super) async fn rollback(&self, name: &str, query: Option<&str>) -> Response<Body> {
        let Some(service) = self.supervisor.service(name) else { return self.no_service(name) };
        let asked = query.and_then(|query| query.strip_prefix("to="));
        info!(target: "audit", service = name, to = asked, "rollback");
        match self.kept(&service, asked) {
            Ok(artifact) => self.swap(name, artifact).await,
            Err((status, reason)) => problem(status, &reason),
        }
    }

    /// The version whose digest begins so, or the one before the live one.
    fn kept(&self, service: &Service, asked: Option<&str>) -> Result<Artifact, (StatusCode, String)> {
        let (name, archive) = (&service.name, &self.supervisor.swapper.archive);
        if !archive.is_kept() {
            let reason = "no versions are kept: set `state` under [host] in the manifest, and restart the host";
            return Err((StatusCode::CONFLICT, reason.to_owned()));
        }
        let kept: Vec<String> = archive.versions(name);
        let digest = match asked {
            Some(prefix) => the_only(name, prefix, &kept),
            None => service.history.before(&service.live().version.digest().full()).ok_or_else(|| {
                format!(
                    "no other version of {name} was live before {}, so there is nothing to go back to: bring another one \
                     to life with `componentd swap {name} <file>`",
                    service.live().version.digest()
                )
            }),
        };
        let digest = digest.map_err(|reason| (StatusCode::NOT_FOUND, reason))?;
        archive.version(name, &digest).ok_or_else(|| (StatusCode::NOT_FOUND, not_kept(name, &digest, &kept)))
    }

    /// What is asked for is none of the services that run.
    pub(super) fn no_service(&self, name: &str) -> Response<Body> {
        let services = self.supervisor.services();
        let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
        problem(StatusCode::NOT_FOUND, &unknown("service", name, &names))
    }

    /// A service that is gone by then is a step of the swap: `found`.
    async fn swap(&self, name: &str, artifact: Artifact) -> Response<Body> {
        // A client that hangs up must not leave a swap half-way.
        let (supervisor, service) = (self.supervisor.clone(), name.to_owned());
        let swap = tokio::spawn(async move { supervisor.swap(&service, artifact).await });
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
        version: live.version.digest().full(),
        component: live.spec.component.display().to_string(),
        ready: service.is_ready(),
        invocations,
        failures,
    }
}

fn refused(rejected: &Rejected) -> Response<Body> {
    problem(StatusCode::UNPROCESSABLE_ENTITY, &format!("not {}: {rejected}", rejected.step()))
}

/// The one version whose digest begins so.
fn the_only(name: &str, prefix: &str, kept: &[String]) -> Result<String, String> {
    let prefix = format!("sha256:{}", prefix.strip_prefix("sha256:").unwrap_or(prefix));
    let found: Vec<&String> = kept.iter().filter(|digest| digest.starts_with(&prefix)).collect();
    match found.as_slice() {
        // No digits name nothing, also where only one version is kept.
        [digest] if prefix != "sha256:" => Ok((*digest).clone()),
        [] => Err(not_kept(name, &prefix, kept)),
        several => {
            let several: Vec<&str> = several.iter().map(|digest| short(digest)).collect();
            Err(format!(
                "{} versions of {name} begin with {prefix}: {}; write more digits",
                several.len(),
                several.join(", ")
            ))
        }
    }
}

fn not_kept(name: &str, wanted: &str, kept: &[String]) -> String {
    let kept: Vec<&str> = kept.iter().map(|digest| short(digest)).collect();
    format!("no version {} of {name} is kept: name one of those that are: {}", short(wanted), kept.join(", "))
}
