//! What a component is asked.

use std::cell::OnceCell;

use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use super::body::{self, BodyError};
use super::deadline::Deadline;
use super::fields;
use super::{Problem, json};
use crate::wit::wasi::http::types::{ErrorCode, IncomingRequest, Method};

/// A whole request. The host has limited its size already.
#[derive(Debug, Default)]
pub struct Request {
    /// In upper case: `GET`.
    pub method: String,
    /// As it was sent, still percent-encoded, without the query.
    pub path: String,
    /// As it was sent, without the question mark.
    pub query: String,
    /// Empty for GET and HEAD, with which a body has no meaning (RFC 9110, 9.3.1 and 9.3.2).
    pub body: Vec<u8>,
    pub(super) parameters: Vec<(&'static str, String)>,
    pub(super) headers: OnceCell<Vec<(String, String)>>,
    /// Where the headers are, which most handlers do not ask for. None in tests.
    pub(super) incoming: Option<IncomingRequest>,
}

impl Request {
    /// The first value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.as_str())
    }

    /// All headers: names in lower case; bytes that are no UTF-8 are replaced.
    pub fn headers(&self) -> &[(String, String)] {
        let read = || self.incoming.as_ref().map(|incoming| fields::texts(&incoming.headers())).unwrap_or_default();
        self.headers.get_or_init(read)
    }

    /// The host, and the port if it was named, that the client sent the request to: `shop.example:8084`.
    pub fn authority(&self) -> Option<String> {
        self.incoming.as_ref().and_then(IncomingRequest::authority)
    }

    /// The decoded path segment that stands for `{name}` in the route; empty where the route has no such parameter.
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(candidate, _)| *candidate == name).map_or("", |(_, value)| value)
    }

    /// The first value of a field of the query, decoded.
    pub fn query_parameter(&self, name: &str) -> Option<String> {
        let mut fields = form_urlencoded::parse(self.query.as_bytes());
        fields.find(|(candidate, _)| candidate == name).map(|(_, value)| value.into_owned())
    }

    /// The body as a JSON object. Members that `T` does not know are ignored.
    ///
    /// # Errors
    /// 415 for a content type that is not JSON or a body that is compressed, 400 for one that is empty or not well-formed,
    /// 422 with a `field` for one that is missing or of the wrong type. All are in words of the request: what the
    /// deserialisation of a type of your own says is not shown, so check rules of your own afterwards.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        self.check_content_coding()?;
        json::check_content_type(self.header("content-type"))?;
        json::parse(&self.body)
    }

    /// Nothing here undoes a compression. `identity` says that there is none.
    fn check_content_coding(&self) -> Result<(), Problem> {
        let lists = self.headers().iter().filter(|(name, _)| name == "content-encoding").map(|(_, list)| list);
        let mut codings = lists.flat_map(|list| list.split(',')).map(str::trim);
        let is_plain = codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case("identity"));
        is_plain.then_some(()).ok_or_else(Problem::unsupported_content_coding)
    }

    /// The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header), under which a repeated request has the
    /// effect and the answer of the first.
    ///
    /// # Errors
    /// 400 for a key that is not 1 to 255 printable ASCII characters.
    pub fn idempotency_key(&self) -> Result<Option<&str>, Problem> {
        match self.header("idempotency-key").map(str::trim) {
            Some(key) if !is_key(key) => {
                Err(Problem::bad_request("`Idempotency-Key` must be 1 to 255 printable ASCII characters."))
            }
            key => Ok(key),
        }
    }

    pub(super) fn read(incoming: IncomingRequest) -> Result<Self, Problem> {
        let target = incoming.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let method = incoming.method();
        let body = if matches!(method, Method::Get | Method::Head) { Vec::new() } else { read_body(&incoming)? };
        Ok(Self {
            method: method_name(method),
            path: path.to_owned(),
            query: query.to_owned(),
            body,
            incoming: Some(incoming),
            ..Self::default()
        })
    }
}

fn is_key(key: &str) -> bool {
    (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

fn read_body(incoming: &IncomingRequest) -> Result<Vec<u8>, Problem> {
    let body = incoming.consume().map_err(|()| Problem::internal("the host gave the body away already"))?;
    body::read(&body, &Deadline::none(), usize::MAX).map_err(|error| match error {
        BodyError::Broken(Some(ErrorCode::HttpRequestBodySize(_))) => Problem::too_large(),
        _ => Problem::bad_request("The body ended before it was complete."),
    })
}

fn method_name(method: Method) -> String {
    let name = match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => return name,
    };
    name.to_owned()
}

/// The text that a path segment stands for.
pub(super) fn decode(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_fields_are_decoded() {
        let request = Request { query: "ms=5&name=a%20b+c&ms=6".to_owned(), ..Request::default() };
        assert_eq!(request.query_parameter("ms").unwrap(), "5");
        assert_eq!(request.query_parameter("name").unwrap(), "a b c");
        assert_eq!(request.query_parameter("other"), None);
    }

    fn with_header(name: &str, value: &str) -> Request {
        Request { headers: vec![(name.to_owned(), value.to_owned())].into(), ..Request::default() }
    }

    #[test]
    fn a_body_that_is_encoded_is_refused_with_what_is_taken() {
        for coding in ["gzip", "identity, gzip", "GZIP", "br", "x"] {
            let refusal = with_header("content-encoding", coding).json::<i64>().unwrap_err().into_response();
            assert_eq!(refusal.status, 415, "{coding}");
            assert!(refusal.headers.contains(&("accept-encoding".to_owned(), "identity".to_owned())), "{coding}");
        }
        for coding in ["", "identity", " Identity ,"] {
            assert!(with_header("content-encoding", coding).check_content_coding().is_ok(), "{coding:?}");
        }
    }

    #[test]
    fn an_idempotency_key_is_printable() {
        let with = |key: &str| with_header("idempotency-key", key);
        assert_eq!(with(" a-1 ").idempotency_key().unwrap(), Some("a-1"));
        assert_eq!(Request::default().idempotency_key().unwrap(), None);
        for key in ["", "ä", "a\tb", &"x".repeat(256)] {
            assert_eq!(with(key).idempotency_key().unwrap_err().status(), 400, "{key:?}");
        }
    }

    #[test]
    fn segments_are_decoded() {
        assert_eq!(decode("a%20b%2Fc"), "a b/c");
    }
}
