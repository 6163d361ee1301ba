//! What the log and other services know a request by.

use http::{HeaderName, HeaderValue, Request};

/// The header that a request's id comes and goes in.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The client's own id if it is one that can stand in a log, else a new one (UUID v7, so ids sort by time).
pub fn request_id<B>(request: &Request<B>) -> HeaderValue {
    let printable = |id: &&HeaderValue| !id.is_empty() && id.len() <= 128 && id.to_str().is_ok();
    let fresh = || HeaderValue::from_str(&uuid::Uuid::now_v7().to_string()).expect("a UUID is ASCII");
    request.headers().get(REQUEST_ID).filter(printable).cloned().unwrap_or_else(fresh)
}
