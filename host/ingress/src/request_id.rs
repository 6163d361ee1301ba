//! What the log and other services know a request by.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that a request's id comes and goes in.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The client's own id if it is one that can stand in a log, else a new one (UUID v7, so ids sort by time).
pub fn request_id(headers: &HeaderMap) -> HeaderValue {
    let printable = |id: &&HeaderValue| !id.is_empty() && id.len() <= 128 && id.to_str().is_ok();
    headers.get(REQUEST_ID).filter(printable).cloned().unwrap_or_else(fresh)
}

fn fresh() -> HeaderValue {
    let mut text = Uuid::encode_buffer();
    let text = Uuid::now_v7().as_hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).expect("a UUID is ASCII")
}
