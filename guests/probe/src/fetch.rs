//! Outbound HTTP without the SDK's client: with the limits and trailers of wasi:http, and its error codes as they are.

use std::collections::BTreeMap;

use componentd_sdk::http::{Problem, Request, Response};
use componentd_sdk::wit::wasi::http::outgoing_handler;
use componentd_sdk::wit::wasi::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
    http_error_code,
};
use componentd_sdk::wit::wasi::io::streams::StreamError;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error;

/// `{"authority":"127.0.0.1:80","connect_timeout_ms":200}`, answered by `{"status":200,"body":"text","trailers":{}}`, or by
/// an error whose kind is the error code.
#[derive(Debug, Deserialize)]
pub(crate) struct Fetch {
    #[serde(default)]
    https: bool,
    authority: String,
    #[serde(default = "root")]
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    #[serde(default)]
    trailers: BTreeMap<String, String>,
    connect_timeout_ms: Option<u64>,
    first_byte_timeout_ms: Option<u64>,
    between_bytes_timeout_ms: Option<u64>,
}

fn root() -> String {
    "/".to_owned()
}

pub(crate) fn run(request: &Request) -> Result<Response, Problem> {
    let fetch: Fetch = request.json()?;
    let answer = fetch.run().unwrap_or_else(|code| error(&format!("{code:?}"), ""));
    Response::json(200, &answer)
}

impl Fetch {
    fn run(&self) -> Result<Value, ErrorCode> {
        let request = OutgoingRequest::new(fields(&self.headers));
        let scheme = if self.https { Scheme::Https } else { Scheme::Http };
        let method = if self.body.is_empty() { Method::Get } else { Method::Post };
        request.set_method(&method).expect("it is a method");
        request.set_scheme(Some(&scheme)).expect("it is a scheme");
        request.set_authority(Some(&self.authority)).expect("a test gives one that is one");
        request.set_path_with_query(Some(&self.path)).expect("a test gives one that is one");
        let body = request.body().expect("it is taken once");
        let answer = outgoing_handler::handle(request, Some(self.options()))?;
        self.write(body)?;
        answer.subscribe().block();
        let answer = answer.get().expect("it was waited for").expect("it is taken once")?;
        read(&answer)
    }

    fn options(&self) -> RequestOptions {
        let (options, nanoseconds) = (RequestOptions::new(), |limit: Option<u64>| limit.map(|ms| ms * 1_000_000));
        options.set_connect_timeout(nanoseconds(self.connect_timeout_ms)).expect("the host has this limit");
        options.set_first_byte_timeout(nanoseconds(self.first_byte_timeout_ms)).expect("the host has this limit");
        options.set_between_bytes_timeout(nanoseconds(self.between_bytes_timeout_ms)).expect("the host has this limit");
        options
    }

    /// Whether or not the other side takes it, it may answer.
    fn write(&self, body: OutgoingBody) -> Result<(), ErrorCode> {
        if !self.body.is_empty() {
            let stream = body.write().expect("it is taken once");
            let _ = stream.blocking_write_and_flush(self.body.as_bytes());
        }
        let trailers = (!self.trailers.is_empty()).then(|| fields(&self.trailers));
        OutgoingBody::finish(body, trailers)
    }
}

fn fields(fields: &BTreeMap<String, String>) -> Fields {
    let entries: Vec<_> = fields.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
    Fields::from_list(&entries).expect("a test gives what can be a header")
}

fn read(answer: &IncomingResponse) -> Result<Value, ErrorCode> {
    let body = answer.consume().expect("it is taken once");
    let text = read_body(&body)?;
    let trailers = IncomingBody::finish(body);
    trailers.subscribe().block();
    let trailers = trailers.get().expect("they were waited for").expect("they are taken once")?;
    let trailers: Map<_, _> = trailers.iter().flat_map(Fields::entries).map(text_of).collect();
    Ok(json!({ "status": answer.status(), "body": text, "trailers": trailers }))
}

fn read_body(body: &IncomingBody) -> Result<String, ErrorCode> {
    let stream = body.stream().expect("it is taken once");
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(part) => bytes.extend(part),
            Err(StreamError::Closed) => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(http_error_code(&error).unwrap_or(ErrorCode::InternalError(None)));
            }
        }
    }
}

fn text_of((name, value): (String, Vec<u8>)) -> (String, Value) {
    (name, Value::String(String::from_utf8_lossy(&value).into_owned()))
}
