//! Answers with what came behind the body of a request.

use componentd_sdk::wit::wasi::http::types::{
    Fields, IncomingBody, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

/// The value of the trailer `x-sum`, or `none`.
pub fn answer(request: &IncomingRequest, response_out: ResponseOutparam) {
    let sum = sum(request).unwrap_or_else(|| b"none".to_vec());
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().expect("it was not taken yet");
    ResponseOutparam::set(response_out, Ok(response));
    let stream = body.write().expect("it was not taken yet");
    stream.blocking_write_and_flush(&sum).expect("the body is open");
    drop(stream);
    OutgoingBody::finish(body, None).expect("no length was promised");
}

/// What is in front of them goes unread.
fn sum(request: &IncomingRequest) -> Option<Vec<u8>> {
    let trailers = IncomingBody::finish(request.consume().ok()?);
    trailers.subscribe().block();
    let trailers = trailers.get()?.ok()?.ok()??;
    trailers.get("x-sum").pop()
}
