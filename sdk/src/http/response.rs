//! What a component answers.

use serde::Serialize;

use super::body;
use super::deadline::Deadline;
use super::problem::Problem;
use crate::log;
use crate::wit::wasi::http::types::{ErrorCode, Fields, OutgoingResponse, ResponseOutparam};

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
        let outgoing = self.head().and_then(|head| head.body().map(|body| (head, body)));
        let Ok((head, body)) = outgoing else {
            let refused = ErrorCode::InternalError(Some("the host refused the head of the response".to_owned()));
            return ResponseOutparam::set(response_out, Err(refused));
        };
        ResponseOutparam::set(response_out, Ok(head));
        if let Err(error) = body::write(body, &self.body, &Deadline::none()) {
            log::debug(format!("the client left before the end of the response: {error:?}"));
        }
    }

    fn head(&self) -> Result<OutgoingResponse, ()> {
        let head = OutgoingResponse::new(fields(&self.headers, self.body.len())?);
        head.set_status_code(self.status)?;
        Ok(head)
    }
}

/// The header fields of a message, with the length of its body: it is known, so nothing needs to be chunked.
pub(super) fn fields(headers: &[(String, String)], body_length: usize) -> Result<Fields, ()> {
    let length = ("content-length".to_owned(), body_length.to_string());
    let entries: Vec<_> =
        headers.iter().chain([&length]).map(|(name, value)| (name.clone(), value.as_bytes().to_vec())).collect();
    Fields::from_list(&entries).map_err(drop)
}
