//! Outbound HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use componentd_sdk::http::{OutgoingRequest, Problem, Request, Response, SendError, send};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error;

/// `{"url":"http://…","method":"POST","headers":{"x-a":"b"},"body":"text","timeout_ms":1000}`, answered by
/// `{"status":200,"headers":[["x-a","b"]],"body":"text"}`.
#[derive(Debug, Deserialize)]
pub(crate) struct Call {
    url: String,
    #[serde(default = "get")]
    method: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    #[serde(default = "five_seconds")]
    timeout_ms: u64,
}

fn get() -> String {
    "GET".to_owned()
}

fn five_seconds() -> u64 {
    5_000
}

pub(crate) fn call(request: &Request) -> Result<Response, Problem> {
    let call: Call = request.json()?;
    let timeout = Duration::from_millis(call.timeout_ms);
    let answer = match send(&call.into(), timeout) {
        Ok(answer) => answered(&answer),
        Err(error) => failed(&error),
    };
    Response::json(200, &answer)
}

/// Calls the service of this name in the same way, which calls it in the same way, and so on for as long as it is let.
/// Answers with how deep that went, and with what ended it.
pub(crate) fn circle(request: &Request) -> Result<Response, Problem> {
    let service = request.query_parameter("service").unwrap_or_default();
    let url = format!("http://{service}.internal/circle?service={service}");
    let call = Call { url, method: get(), headers: BTreeMap::new(), body: String::new(), timeout_ms: 60_000 };
    let answer = match send(&call.into(), Duration::from_secs(60)) {
        Ok(answer) if answer.status == 200 => {
            let below: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            json!({ "depth": below["depth"].as_u64().unwrap_or_default() + 1, "end": below["end"] })
        }
        Ok(answer) => json!({ "depth": 0, "end": answer.status }),
        Err(error) => json!({ "depth": 0, "end": error.to_string() }),
    };
    Response::json(200, &answer)
}

impl From<Call> for OutgoingRequest {
    fn from(call: Call) -> Self {
        let headers = call.headers.into_iter().collect();
        Self { method: call.method, url: call.url, headers, body: call.body.into_bytes() }
    }
}

fn answered(answer: &Response) -> Value {
    json!({ "status": answer.status, "headers": answer.headers, "body": String::from_utf8_lossy(&answer.body) })
}

fn failed(failure: &SendError) -> Value {
    let kind = match failure {
        SendError::Timeout => "timeout",
        SendError::Unreachable(_) => "unreachable",
        SendError::Denied => "denied",
        SendError::Other(_) => "other",
    };
    error(kind, &failure.to_string())
}
