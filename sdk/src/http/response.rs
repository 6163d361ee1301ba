//! What a component answers.

use serde::Serialize;

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

    /// Adds a header; its name in lower case.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Hands the response to the host. The head goes first, so a client that reads slowly has its status at once.
    pub(super) fn send(self, response_out: ResponseOutparam) {
        let Self { status, headers, body: bytes } = self;
        let outgoing = head(status, headers, bytes.len()).and_then(|head| head.body().map(|body| (head, body)));
        let Ok((head, body)) = outgoing else {
            let refused = ErrorCode::InternalError(Some("the host refused the head of the response".to_owned()));
            return ResponseOutparam::set(response_out, Err(refused));
        };
        ResponseOutparam::set(response_out, Ok(head));
        if let Err(error) = body::write(body, &bytes, &Deadline::none()) {
            log::debug(format!("the client left before the end of the response: {error:?}"));
        }
    }
}

fn head(status: u16, headers: Vec<(String, String)>, body_length: usize) -> Result<OutgoingResponse, ()> {
    let head = OutgoingResponse::new(fields::with_length(headers, body_length)?);
    // What it is otherwise.
    if status != 200 {
        head.set_status_code(status)?;
    }
    Ok(head)
}
