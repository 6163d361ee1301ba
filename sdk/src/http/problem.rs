//! What a client is told when its request fails: RFC 9457, `application/problem+json`.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::Serialize;
use serde_json::Value;

use super::Response;

/// When to come back after a backend was away: most of their restarts are over by then.
const RETRY_AFTER_SECONDS: u32 = 2;

/// An error with two messages: `detail` tells the client what to change, `cause` is for the service's log alone.
///
/// Its `type` is `about:blank`, which by RFC 9457 means that the status says what kind of problem it is; a `field` member
/// names the field of the request that is at fault.
#[derive(Debug)]
pub struct Problem {
    status: u16,
    detail: String,
    members: BTreeMap<String, Value>,
    headers: Vec<(String, String)>,
    cause: Option<String>,
}

/// The members in the order in which the RFC lists them.
#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(flatten)]
    members: &'a BTreeMap<String, Value>,
}

impl Problem {
    /// A problem with this status, and this to tell the client.
    pub fn new(status: u16, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), members: BTreeMap::new(), headers: Vec::new(), cause: None }
    }

    /// 400: the request cannot be read as what it claims to be.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(400, detail)
    }

    /// 404: there is nothing by this name.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(404, detail)
    }

    /// 405: these methods are possible here.
    pub fn method_not_allowed(allow: &str) -> Self {
        Self::new(405, format!("This resource answers {allow} only.")).header("allow", allow)
    }

    /// 409: the request is at odds with what is there already.
    pub fn conflict(field: &str, detail: impl Into<String>) -> Self {
        Self::new(409, detail).member("field", field)
    }

    /// 413: the body is longer than the service takes.
    pub fn too_large() -> Self {
        Self::new(413, "The body is too large.")
    }

    /// 415: the body is of a kind that the service does not read.
    pub fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::new(415, detail)
    }

    /// 415: the body is compressed, or encoded in another way that the service does not undo (RFC 9110, 15.5.16).
    pub fn unsupported_content_coding() -> Self {
        Self::new(415, "The body must be sent as it is, without a content-encoding.")
            .header("accept-encoding", "identity")
    }

    /// 422: the request can be read, and a field of it breaks a rule.
    pub fn unprocessable(field: &str, detail: impl Into<String>) -> Self {
        Self::new(422, detail).member("field", field)
    }

    /// 422: the request repeats the `Idempotency-Key` of a request that was another.
    pub fn key_reused() -> Self {
        Self::new(422, "This Idempotency-Key was used for a different request. Use a new one.")
            .member("field", "Idempotency-Key")
    }

    /// 500: our fault.
    pub fn internal(cause: impl Display) -> Self {
        Self::new(500, "The service failed. Its log says why.").cause(cause)
    }

    /// 502: another server that the answer depends on is away or answers nonsense.
    pub fn bad_gateway(cause: impl Display) -> Self {
        Self::new(502, "A service that this one depends on is away or failed.").cause(cause)
    }

    /// 503: a backend is away or too slow; the same request may work later.
    pub fn unavailable(cause: impl Display) -> Self {
        Self::new(503, "The service cannot answer now. Try again later.")
            .header("retry-after", &RETRY_AFTER_SECONDS.to_string())
            .cause(cause)
    }

    /// 504: another server that the answer depends on was too slow.
    pub fn gateway_timeout(cause: impl Display) -> Self {
        Self::new(504, "A service that this one depends on took too long.").cause(cause)
    }

    /// Adds an extension member to the document.
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn cause(mut self, cause: impl Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    pub fn status(&self) -> u16 {
        self.status
    }

    /// What happened, for the log; `None` where the client alone is at fault.
    pub fn log_line(&self) -> Option<String> {
        self.cause.as_ref().map(|cause| format!("{} {}: {cause}", self.status, title(self.status)))
    }

    pub fn into_response(self) -> Response {
        let document = Document {
            r#type: "about:blank",
            title: title(self.status),
            status: self.status,
            detail: &self.detail,
            members: &self.members,
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        Response { status: self.status, headers: self.headers, body }.header("content-type", "application/problem+json")
    }
}

/// The reason phrases of RFC 9110 for the statuses above.
fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(problem: Problem) -> String {
        String::from_utf8(problem.into_response().body).unwrap()
    }

    #[test]
    fn members_come_in_the_order_of_the_rfc() {
        let expected = r#"{"type":"about:blank","title":"Unprocessable Content","status":422,"detail":"Too short.","field":"password"}"#;
        assert_eq!(body(Problem::unprocessable("password", "Too short.")), expected);
    }

    #[test]
    fn a_cause_is_logged_and_not_sent() {
        let problem = Problem::internal("password authentication failed");
        assert_eq!(problem.log_line().unwrap(), "500 Internal Server Error: password authentication failed");
        assert!(!body(problem).contains("authentication"));
    }

    #[test]
    fn a_wrong_method_names_the_right_ones() {
        let response = Problem::method_not_allowed("GET, POST").into_response();
        assert!(response.headers.contains(&("allow".to_owned(), "GET, POST".to_owned())));
    }

    #[test]
    fn what_passes_says_when_to_come_back() {
        let response = Problem::unavailable("away").into_response();
        assert!(response.headers.contains(&("retry-after".to_owned(), "2".to_owned())));
    }
}
