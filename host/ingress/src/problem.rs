//! Errors that the host itself answers with: `application/problem+json` (RFC 9457).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Bytes;

use super::pulse::Busy;
use super::streams::Taken;

/// The body of any answer. Until its end its connection is at work.
#[derive(Default)]
pub struct Body {
    body: UnsyncBoxBody<Bytes, BodyError>,
    busy: Option<Busy>,
    taken: Option<Arc<Taken>>,
}

impl Body {
    pub(crate) fn keeping(mut self, busy: Busy) -> Self {
        (self.busy, self.taken) = (Some(busy), Taken::begin());
        self
    }

    /// The body alone, for those who have no connection.
    pub fn into_inner(self) -> UnsyncBoxBody<Bytes, BodyError> {
        self.body
    }
}

impl From<UnsyncBoxBody<Bytes, BodyError>> for Body {
    fn from(body: UnsyncBoxBody<Bytes, BodyError>) -> Self {
        Self { body, busy: None, taken: None }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let part = Pin::new(&mut self.body).poll_frame(context);
        if let Some(taken) = &self.taken {
            taken.note(&part);
        }
        part
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Why a body has no end.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body that is there already.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync().into()
}

/// When a client that was turned away may try again, in seconds.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// An answer that says what went wrong, and to the client's side of it what to change.
pub fn problem(status: StatusCode, detail: &str) -> Response<Body> {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = serde_json::json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail,
    });
    let mut response = Response::new(full(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    response
}
