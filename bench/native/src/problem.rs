//! What a client is told when its request fails: RFC 9457, `application/problem+json`.

use std::borrow::Cow;
use std::fmt::Display;

use http::StatusCode;
use http::header::{ALLOW, HeaderValue, RETRY_AFTER};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::response::{Response, response};

/// SQLSTATE classes that say "not now": connection trouble, a full server, one that shuts down.
const NOT_NOW: [&str; 5] = ["08", "53", "57", "58", "XX"];

/// `detail` tells the client what to change; a cause goes to standard error alone.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: Cow<'static, str>,
    members: Map<String, Value>,
    allow: Option<&'static str>,
}

/// The members in the order in which the RFC lists them.
#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, detail: detail.into(), members: Map::new(), allow: None }
    }

    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub fn unknown_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is nothing at this path.")
    }

    pub fn method_not_allowed(allow: &'static str) -> Self {
        let detail = format!("This resource answers {allow} only.");
        Self { allow: Some(allow), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, detail) }
    }

    pub fn unprocessable(field: &str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail).member("field", field)
    }

    pub fn key_reused() -> Self {
        let detail = "This Idempotency-Key was used for a different request. Use a new one.";
        Self::unprocessable("Idempotency-Key", detail)
    }

    pub fn internal(cause: impl Display) -> Self {
        Self::caused(StatusCode::INTERNAL_SERVER_ERROR, "The service failed.", cause)
    }

    pub fn unavailable(cause: impl Display) -> Self {
        Self::caused(StatusCode::SERVICE_UNAVAILABLE, "The service cannot answer now. Try again later.", cause)
    }

    pub fn bad_gateway(cause: impl Display) -> Self {
        Self::caused(StatusCode::BAD_GATEWAY, "A service that this one depends on is away or failed.", cause)
    }

    pub fn gateway_timeout(cause: impl Display) -> Self {
        Self::caused(StatusCode::GATEWAY_TIMEOUT, "A service that this one depends on took too long.", cause)
    }

    fn caused(status: StatusCode, detail: &'static str, cause: impl Display) -> Self {
        eprintln!("{status}: {cause}");
        Self::new(status, detail)
    }

    /// Adds an extension member to the document.
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    pub fn into_response(self) -> Response {
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            members: &self.members,
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = response(self.status, HeaderValue::from_static("application/problem+json"), body);
        if let Some(allow) = self.allow {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        let code = match &error {
            sqlx::Error::Database(refusal) => refusal.code().unwrap_or_default(),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Cow::Borrowed(""),
            _ => return Self::unavailable(error),
        };
        let passes = NOT_NOW.iter().any(|class| code.starts_with(class));
        if passes { Self::unavailable(error) } else { Self::internal(error) }
    }
}

impl From<redis::RedisError> for Problem {
    fn from(error: redis::RedisError) -> Self {
        Self::unavailable(error)
    }
}
