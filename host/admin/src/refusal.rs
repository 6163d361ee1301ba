//! A request that is refused: a problem is the answer.

use std::error::Error as _;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::response::{IntoResponse, Response};
use componentd_ingress::problem::problem;
use http::StatusCode;

/// The status, and what is wrong and mends it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    detail: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        problem(self.status, &self.detail).map(Body::new)
    }
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        let reason = rejection.source().map_or_else(|| rejection.body_text(), ToString::to_string);
        Self::new(rejection.status(), format!("the query cannot be read: {reason}"))
    }
}
