//! What a component answers.

use serde::Serialize;
use xxhash_rust::xxh64::xxh64;

use super::body;
use super::deadline::Deadline;
use super::fields;
use super::problem::Problem;
use crate::log;
use crate::wit::wasi::http::types::{ErrorCode, OutgoingResponse, ResponseOutparam};

/// A whole response; also what another server answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// `value` as JSON.
    pub fn json<T: Serialize + ?Sized>(status: u16, value: &T) -> Result<Self, Problem> {
        let body = serde_json::to_vec(value).map_err(Problem::internal)?;
        Ok(Self { status, headers: Vec::new(), body }.header("content-type", "application/json"))
    }

    /// Plain text.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        let body = text.into().into_bytes();
        Self { status, headers: Vec::new(), body }.header("content-type", "text/plain; charset=utf-8")
    }

    /// 204: it was done, and there is nothing to say of it.
    pub fn no_content() -> Self {
        Self { status: 204, ..Self::default() }
    }

    /// Adds an `ETag` made of the body, by which a client can ask whether it has this answer already: the host answers 304
    /// in its place where the request's `If-None-Match` has it (RFC 9110, 13.1.2).
    pub fn tagged(self) -> Self {
        let tag = entity_tag(&self.body);
        self.header("etag", &tag)
    }

    /// Adds a header; its name in lower case.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Hands the response to the host. The head goes first, so a client that reads slowly has its status at once. The host
    /// sends no body where none may be sent, as with HEAD.
    pub(super) fn send(self, response_out: ResponseOutparam) {
        let Self { status, headers, body: bytes } = self;
        let outgoing = head(status, headers, bytes.len()).and_then(|head| head.body().map(|body| (head, body)));
        let Ok((head, body)) = outgoing else {
            let refused = ErrorCode::InternalError(Some("the host refused the head of the response".to_owned()));
            return ResponseOutparam::set(response_out, Err(refused));
        };
        ResponseOutparam::set(response_out, Ok(head));
        if let Err(error) = body::write(body, &bytes, &Deadline::none()) {
            log::debug(format!("the response was not taken to its end: {error:?}"));
        }
    }
}

/// Strong: other bytes have another tag, but for one pair in 2^64. Digits by hand, since `format!` costs more than the hash.
fn entity_tag(body: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let hash = xxh64(body, 0);
    let digit = |shift: u32| char::from(DIGITS[(hash >> shift & 0xf) as usize]);
    let mut tag = String::with_capacity(18);
    tag.push('"');
    tag.extend((0..64).step_by(4).rev().map(digit));
    tag.push('"');
    tag
}

fn head(status: u16, headers: Vec<(String, String)>, body_length: usize) -> Result<OutgoingResponse, ()> {
    // Neither has a body, whose length could be told (RFC 9110, 8.6).
    let fields = if matches!(status, 204 | 304) {
        fields::from_texts(headers)?
    } else {
        fields::with_length(headers, body_length)?
    };
    let head = OutgoingResponse::new(fields);
    // What it is otherwise.
    if status != 200 {
        head.set_status_code(status)?;
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_that_of_the_content() {
        let tag = |text: &str| Response::text(200, text).tagged().headers.pop().unwrap();
        // XXH64 of nothing, by its specification.
        assert_eq!(tag(""), ("etag".to_owned(), "\"ef46db3751d8e999\"".to_owned()));
        assert_eq!(tag("apple"), tag("apple"));
        assert_ne!(tag("apple"), tag("apples"));
    }
}
