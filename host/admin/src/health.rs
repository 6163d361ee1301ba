//! How the host is: whether it lives, whether it is ready, and what it measures.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use componentd_config::Manifest;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use super::Admin;
use super::api::{Health, HealthStatus, Readiness, ReadinessStatus};

/// How long a backend may take before it counts as away.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The process lives.
#[utoipa::path(get, path = "/healthz", responses((status = 200, description = "It does.", body = Health)))]
pub(super) async fn health() -> Json<Health> {
    Json(Health { status: HealthStatus::Ok })
}

/// Every service can be called, every backend answers, and no partition is held.
#[utoipa::path(
    get,
    path = "/readyz",
    responses(
        (status = 200, description = "So it is.", body = Readiness),
        (status = 503, description = "Something is missing, or the host stops.", body = Readiness),
    ),
)]
pub(super) async fn readiness(State(admin): State<Arc<Admin>>, headers: HeaderMap) -> (StatusCode, Json<Readiness>) {
    let mut readiness = admin.readiness().await;
    // Reasons name servers and users, so they are for those who may ask for all else.
    if !admin.guard.lets_in(&headers) && readiness.status != ReadinessStatus::Stopping {
        readiness.missing = few(readiness.missing);
        readiness.warnings = few(readiness.warnings);
    }
    let is_ready = readiness.status == ReadinessStatus::Ready;
    (if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(readiness))
}

/// Measurements.
#[utoipa::path(
    get,
    path = "/metrics",
    responses(
        (status = 200, description = "OpenMetrics text.", body = String, content_type = "application/openmetrics-text"),
    ),
)]
pub(super) async fn metrics(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, OPEN_METRICS)], admin.supervisor.swapper.metrics.text())
}

impl Admin {
    async fn readiness(&self) -> Readiness {
        if self.supervisor.stopping.is_cancelled() {
            let missing = vec!["the host was told to stop".to_owned()];
            return Readiness { status: ReadinessStatus::Stopping, missing, warnings: Vec::new() };
        }
        let (mut missing, mut warnings, mut services) = (Vec::new(), Vec::new(), BTreeMap::new());
        for service in self.supervisor.services() {
            missing.extend(service.troubles.holds());
            warnings.extend(service.troubles.warnings());
            services.insert(service.name.clone(), service.live().spec.clone());
            if !service.is_ready() {
                let reason = service.waits_for().map(|reason| format!(": {reason}")).unwrap_or_default();
                missing.push(format!("service {} cannot be called yet{reason}", service.name));
            }
            let absent = service.live().granted.absent(PING_TIMEOUT).await;
            missing.extend(absent.iter().map(|absence| format!("service {}: {absence}", service.name)));
        }
        missing.extend(self.supervisor.swapper.clients.missing(&Manifest::of(services), PING_TIMEOUT).await);
        let status = if missing.is_empty() { ReadinessStatus::Ready } else { ReadinessStatus::Waiting };
        Readiness { status, missing, warnings }
    }
}

/// How many there are, and how to learn them.
fn few(reasons: Vec<String>) -> Vec<String> {
    let hint = || vec![format!("{} left out: ask with the token of the admin port, or see the log", reasons.len())];
    if reasons.is_empty() { reasons } else { hint() }
}
