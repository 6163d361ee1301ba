//! What a service has logged, as JSON lines: the last ones, and those that come.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use componentd_telemetry::{Batch, RECENT, Ring};
use futures_util::{StreamExt, stream};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::Admin;
use super::api::{LogsQuery, Lost, Problem};
use super::extract::{Path, Query};
use super::refusal::Refusal;

/// What the service has logged last, and with `follow`, what it logs from then on.
///
/// Whoever reads too slowly loses lines, and is told how many: the host keeps no more for them than for everyone.
#[utoipa::path(
    get,
    path = "/services/{name}/logs",
    params(("name" = String, Path, description = "The service."), LogsQuery),
    responses(
        (
            status = 200,
            description = "A JSON object a line, as in the log of the host, oldest first. `{\"lost\": n}` stands for lines \
                           that came faster than they were read.",
            body = String,
            content_type = "application/jsonl",
        ),
        (status = 400, description = "The query cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such service.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "As many follow logs as may.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn logs(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    Query(query): Query<LogsQuery>,
) -> Result<Response, Refusal> {
    admin.service(&name)?;
    let ring = RECENT.ring(&name);
    let recent = ring.recent();
    let body = if query.follow {
        let place = admin.followers.clone().try_acquire_owned();
        let full = |_| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "as many follow logs as may; try again later");
        followed(ring, recent, admin.stop.clone(), place.map_err(full)?)
    } else {
        lines(&recent).into()
    };
    Ok(([(CONTENT_TYPE, "application/jsonl")], body).into_response())
}

/// To the end of the host or of the client. The next chunk is made when the client has taken the one before.
fn followed(ring: Arc<Ring>, recent: Batch, stop: CancellationToken, place: OwnedSemaphorePermit) -> Body {
    let first = stream::iter([chunk(&recent)]);
    let further = stream::unfold((ring, recent.next, place), |(ring, from, place)| async move {
        let batch = ring.after(from).await;
        Some((chunk(&batch), (ring, batch.next, place)))
    });
    Body::from_stream(first.chain(further).take_until(stop.cancelled_owned()))
}

fn chunk(batch: &Batch) -> Result<String, Infallible> {
    Ok(lines(batch))
}

fn lines(batch: &Batch) -> String {
    let lost = (batch.lost > 0).then(|| serde_json::to_string(&Lost { lost: batch.lost }).expect("a number is JSON"));
    let lines = lost.iter().map(String::as_str).chain(batch.lines.iter().map(|line| &**line));
    lines.flat_map(|line| [line, "\n"]).collect()
}
