//! The mailbox of a store that sends no real mail.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;

use super::Admin;
use super::api::Problem;
use super::refusal::Refusal;

/// More than the mailbox ever holds.
const MAX_ANSWER: usize = 16 << 20;

/// Asks it.
pub(super) type Http = Client<HttpConnector, Empty<Bytes>>;

/// The mails that SendGrid would have got, where a mailbox stands in for it.
#[utoipa::path(
    get,
    path = "/mailbox",
    responses(
        (status = 200, description = "The mails, oldest first, as the mailbox has them.", body = Vec<Object>),
        (status = 404, description = "There is no mailbox.", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "The mailbox does not answer.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn mailbox(State(admin): State<Arc<Admin>>) -> Result<Response, Refusal> {
    let mailbox = admin.settings.mailbox.as_ref();
    let mailbox = mailbox.ok_or_else(|| {
        Refusal::new(StatusCode::NOT_FOUND, "there is no mailbox: mails go to SendGrid; see `admin.mailbox`")
    })?;
    let uri = mailbox.as_str().parse().map_err(|_| away("`admin.mailbox` cannot be asked"))?;
    let (head, body) = admin.http.get(uri).await.map_err(|_| away("the mailbox does not answer"))?.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await;
    let body = body.map_err(|_| away("the mailbox ended its answer early"))?.to_bytes();
    Ok((head.status, [(CONTENT_TYPE, "application/json")], Body::from(body)).into_response())
}

fn away(detail: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_GATEWAY, detail)
}
