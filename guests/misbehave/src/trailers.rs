//! Answers with what came behind the body of a request.

use componentd_sdk::wit::wasi::http::types::{IncomingBody, IncomingRequest, ResponseOutparam};

use crate::body;

/// The value of the trailer `x-sum`, or `none`.
pub fn answer(request: &IncomingRequest, response_out: ResponseOutparam) {
    let sum = sum(request).unwrap_or_else(|| b"none".to_vec());
    body::whole(&sum, response_out);
}

/// What is in front of them goes unread.
fn sum(request: &IncomingRequest) -> Option<Vec<u8>> {
    let trailers = IncomingBody::finish(request.consume().ok()?);
    trailers.subscribe().block();
    let trailers = trailers.get()?.ok()?.ok()??;
    trailers.get("x-sum").pop()
}
