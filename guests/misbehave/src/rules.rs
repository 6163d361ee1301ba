//! Answers against the rules: of HTTP, of the interface, of handles.
//!
//! - `/twice`: answers, and answers again by the same handle.
//! - `/forge?handle=9&as=fields`: uses a handle that it was not given, as `fields`, `stream`, `body`, `request` or `answer`.
//! - `/status?code=101`: answers with that status, or says that it was refused.
//! - `/header?name=x&bytes=9`: answers with a header of that name, or says that it was refused.
//! - `/trailer?name=x-sum&bytes=9`: sends a trailer behind its body, and said so before; with `then=trap` it traps instead.

use std::iter;

use componentd_sdk::wit::wasi::http::types::{
    ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use componentd_sdk::wit::wasi::io::streams::OutputStream;

use crate::body::parameter;

pub fn answer(path: &str, query: &str, response_out: ResponseOutparam) {
    match path {
        "/twice" => twice(response_out),
        "/forge" => forge(query, response_out),
        "/status" => status(query, response_out),
        "/header" => header(query, response_out),
        _ => trailer(query, response_out),
    }
}

fn twice(response_out: ResponseOutparam) {
    // SAFETY: it is not sound, which the host has to see.
    let again = unsafe { ResponseOutparam::from_handle(response_out.handle()) };
    whole(OutgoingResponse::new(Fields::new()), response_out, "first");
    whole(OutgoingResponse::new(Fields::new()), again, "second");
}

fn forge(query: &str, response_out: ResponseOutparam) {
    let handle = parameter(query, "handle").and_then(|handle| handle.parse().ok()).unwrap_or_default();
    // SAFETY: it is not sound, which the host has to see.
    let used = unsafe {
        match parameter(query, "as") {
            Some("stream") => OutputStream::from_handle(handle).check_write().is_ok(),
            Some("body") => OutgoingBody::from_handle(handle).write().is_ok(),
            Some("request") => IncomingRequest::from_handle(handle).consume().is_ok(),
            Some("answer") => {
                ResponseOutparam::set(ResponseOutparam::from_handle(handle), Err(ErrorCode::LoopDetected));
                true
            }
            _ => Fields::from_handle(handle).append("x", b"y").is_ok(),
        }
    };
    whole(OutgoingResponse::new(Fields::new()), response_out, &format!("used: {used}"));
}

fn status(query: &str, response_out: ResponseOutparam) {
    let response = OutgoingResponse::new(Fields::new());
    let refused = u16::try_from(number(query, "code")).map(|code| response.set_status_code(code)) != Ok(Ok(()));
    whole(response, response_out, if refused { "refused" } else { "taken" });
}

fn header(query: &str, response_out: ResponseOutparam) {
    let fields = Fields::new();
    let refused = fields.append(parameter(query, "name").unwrap_or("x"), &value(query)).is_err();
    whole(OutgoingResponse::new(fields), response_out, if refused { "refused" } else { "taken" });
}

fn trailer(query: &str, response_out: ResponseOutparam) {
    let (name, headers, trailers) = (parameter(query, "name").unwrap_or("x-sum"), Fields::new(), Fields::new());
    headers.set("trailer", &[name.as_bytes().to_vec()]).expect("it is a legal value");
    let response = OutgoingResponse::new(headers);
    let body = response.body().expect("it is taken once");
    ResponseOutparam::set(response_out, Ok(response));
    // A client that has gone is no failure.
    let _ = body.write().map(|stream| stream.blocking_write_and_flush(b"body"));
    // What is refused is missing.
    let _ = trailers.append(name, &value(query));
    if parameter(query, "then") == Some("trap") {
        crate::abort();
    }
    let _ = OutgoingBody::finish(body, Some(trailers));
}

fn number(query: &str, name: &str) -> usize {
    parameter(query, name).and_then(|number| number.parse().ok()).unwrap_or_default()
}

fn value(query: &str) -> Vec<u8> {
    iter::repeat_n(b'1', number(query, "bytes").max(1)).collect()
}

fn whole(response: OutgoingResponse, response_out: ResponseOutparam, text: &str) {
    let body = response.body().expect("it is taken once");
    ResponseOutparam::set(response_out, Ok(response));
    // A client that has gone is no failure.
    let _ = body.write().map(|stream| stream.blocking_write_and_flush(text.as_bytes()));
    let _ = OutgoingBody::finish(body, None);
}
