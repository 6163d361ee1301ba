//! A body that ends as the query says, `?parts=16&end=keep&pause=100&then=trap`:
//!
//! - `parts`: writes so many of 4 KiB, the default is 1; with `declared=true` there is a `content-length`.
//! - `end`: then it will `finish` the body, which is the default, `drop` it unfinished, or `keep` it open.
//! - `pause`: waits for so many milliseconds.
//! - `then`: at last it will `trap`, `spin`, or return, which is the default.

use std::mem;
use std::thread;
use std::time::Duration;

use componentd_sdk::wit::wasi::http::types::{Fields, OutgoingBody, OutgoingResponse, ResponseOutparam};

/// The most that one blocking write takes, by wasi:io.
const PART: [u8; 4096] = [b'x'; 4096];

pub fn answer(query: &str, response_out: ResponseOutparam) {
    let parts = parameter(query, "parts").and_then(|parts| parts.parse().ok()).unwrap_or(1);
    let headers = Fields::new();
    if parameter(query, "declared").is_some() {
        let length = (parts * PART.len()).to_string();
        headers.set("content-length", &[length.into_bytes()]).expect("a length is a legal value");
    }
    let mut body = stream(response_out, parts, headers);
    match parameter(query, "end") {
        Some("keep") => {}
        Some("drop") => drop(body.take()),
        _ => drop(body.take().map(|body| OutgoingBody::finish(body, None))),
    }
    let pause = parameter(query, "pause").and_then(|pause| pause.parse().ok()).unwrap_or_default();
    thread::sleep(Duration::from_millis(pause));
    match parameter(query, "then") {
        Some("trap") => crate::abort(),
        Some("spin") => crate::turn_for_ever(),
        _ => mem::forget(body),
    }
}

/// The value of a parameter of a query, as it stands there.
pub fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Answers with this many parts, or fewer where the other side leaves. The body stays unfinished.
pub fn stream(response_out: ResponseOutparam, parts: usize, headers: Fields) -> Option<OutgoingBody> {
    let response = OutgoingResponse::new(headers);
    let body = response.body().ok();
    ResponseOutparam::set(response_out, Ok(response));
    let stream = body.as_ref()?.write().ok()?;
    let _ = (0..parts).try_for_each(|_| stream.blocking_write_and_flush(&PART));
    // As runtimes flush when they close.
    let _ = stream.blocking_write_and_flush(&[]);
    drop(stream);
    body
}

/// Answers with these bytes.
pub fn whole(bytes: &[u8], response_out: ResponseOutparam) {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().expect("it was not taken yet");
    ResponseOutparam::set(response_out, Ok(response));
    let stream = body.write().expect("it was not taken yet");
    stream.blocking_write_and_flush(bytes).expect("the body is open");
    drop(stream);
    OutgoingBody::finish(body, None).expect("no length was promised");
}
