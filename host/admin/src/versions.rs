//! Which versions are live, and putting others there. Every action leaves a line in the log.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use componentd_config::reasons::unknown;
use componentd_control::rejected::Rejected;
use componentd_control::rollback::NotKept;
use componentd_core::artifact::{Artifact, Source};
use componentd_core::registry;
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tracing::info;

use super::Admin;
use super::api::{Component, Problem, RollbackQuery, Service, Swapped};
use super::extract::{Path, Query};
use super::refusal::Refusal;

/// Every service, with the version that is live.
#[utoipa::path(get, path = "/services", responses((status = 200, description = "By name.", body = Vec<Service>)))]
pub(super) async fn services(State(admin): State<Arc<Admin>>) -> Json<Vec<Service>> {
    Json(admin.supervisor.services().iter().map(|service| Service::from(&**service)).collect())
}

/// Brings the component in the body to life, and answers when it is live.
#[utoipa::path(
    post,
    path = "/services/{name}/versions",
    params(("name" = String, Path, description = "The service.")),
    request_body(content = Component, content_type = "application/wasm", description = "At most `admin.max-upload`."),
    responses(
        (status = 200, description = "It is live.", body = Swapped),
        (status = 400, description = "The upload ended before it was whole.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such service.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The component is too large.", body = Problem, content_type = "application/problem+json"),
        (
            status = 422,
            description = "The version was refused; `detail` names the step and the reason.",
            body = Problem,
            content_type = "application/problem+json",
        ),
    ),
)]
pub(super) async fn upload(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Json<Swapped>, Refusal> {
    admin.service(&name)?;
    let limit = admin.settings.max_upload.0;
    let body = Limited::new(body, limit).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            let detail = format!("a component may have at most {limit} bytes (admin.max-upload)");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
        } else {
            Refusal::new(StatusCode::BAD_REQUEST, "the upload ended before it was whole")
        }
    })?;
    let bytes = body.to_bytes();
    info!(target: "audit", service = name, bytes = bytes.len(), "upload");
    admin.swap(&name, Artifact::new(&*bytes, Source::Upload)).await
}

/// Goes back to a version that is kept.
#[utoipa::path(
    post,
    path = "/services/{name}/rollback",
    params(("name" = String, Path, description = "The service."), RollbackQuery),
    responses(
        (status = 200, description = "It is live.", body = Swapped),
        (status = 400, description = "The query cannot be read.", body = Problem, content_type = "application/problem+json"),
        (
            status = 404,
            description = "There is no such service or version, or several versions begin so.",
            body = Problem,
            content_type = "application/problem+json",
        ),
        (status = 409, description = "No versions are kept.", body = Problem, content_type = "application/problem+json"),
        (
            status = 422,
            description = "The version was refused; `detail` names the step and the reason.",
            body = Problem,
            content_type = "application/problem+json",
        ),
    ),
)]
pub(super) async fn rollback(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Query(query): Query<RollbackQuery>,
) -> Result<Json<Swapped>, Refusal> {
    let service = admin.service(&name)?;
    info!(target: "audit", service = name, to = query.to, "rollback");
    let artifact = admin.supervisor.kept(&service, query.to.as_deref())?;
    admin.swap(&name, artifact).await
}

impl Admin {
    /// The service of this name.
    pub(super) fn service(&self, name: &str) -> Result<Arc<registry::Service>, Refusal> {
        self.supervisor.service(name).ok_or_else(|| {
            let services = self.supervisor.services();
            let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
            Refusal::new(StatusCode::NOT_FOUND, unknown("service", name, &names))
        })
    }

    /// A service that is gone by then is a step of the swap: `found`.
    async fn swap(&self, name: &str, artifact: Artifact) -> Result<Json<Swapped>, Refusal> {
        let digest = self.supervisor.swap_to_the_end(name, artifact).await?;
        Ok(Json(Swapped { service: name.to_owned(), version: digest.full() }))
    }
}

impl From<&registry::Service> for Service {
    fn from(service: &registry::Service) -> Self {
        let live = service.live();
        let (invocations, failures) = live.outcomes.counts();
        Self {
            name: service.name.clone(),
            version: live.version.digest().full(),
            component: live.spec.component.display().to_string(),
            ready: service.is_ready(),
            invocations,
            failures,
        }
    }
}

impl From<Rejected> for Refusal {
    fn from(rejected: Rejected) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, format!("not {}: {rejected}", rejected.step()))
    }
}

impl From<NotKept> for Refusal {
    fn from(reason: NotKept) -> Self {
        let status = if let NotKept::Nothing = reason { StatusCode::CONFLICT } else { StatusCode::NOT_FOUND };
        Self::new(status, reason.to_string())
    }
}
