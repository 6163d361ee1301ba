//! The command line's side of the admin API.

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::health::MAX_ANSWER;
use crate::config::{AdminAccess, Origin};

/// A swap compiles, migrates, probes, and may run a canary.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Asks the admin port of a running host.
pub struct AdminClient {
    access: AdminAccess,
    http: Client<HttpConnector, Full<Bytes>>,
}

/// Why the host did not do it.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error("nobody answers at {origin}: {reason}; is the host running, and is that its admin port?")]
    Unreachable { origin: Origin, reason: String },
    #[error("the admin port asks for a token: set COMPONENTD_TOKEN, or give it with --token")]
    Token,
    #[error("{0}")]
    Refused(String),
}

impl AdminClient {
    pub fn new(access: AdminAccess) -> Self {
        Self { access, http: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// The answer to a request, as JSON.
    ///
    /// # Errors
    /// The host does not answer, or refuses; the message says why.
    pub async fn ask(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Value, AdminError> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.access.origin));
        if let Some(token) = &self.access.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::from(body)).map_err(|e| self.unreachable(&e))?;
        let answer = tokio::time::timeout(TIMEOUT, self.http.request(request)).await;
        let answer = answer.map_err(|e| self.unreachable(&e))?.map_err(|e| self.unreachable(&e))?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            return Err(AdminError::Token);
        }
        let success = answer.status().is_success();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(|e| self.unreachable(&e))?;
        let body = body.to_bytes();
        let value: Value = serde_json::from_slice(&body).unwrap_or_default();
        if success { Ok(value) } else { Err(AdminError::Refused(reason(&value))) }
    }

    fn unreachable(&self, reason: &dyn std::fmt::Display) -> AdminError {
        AdminError::Unreachable { origin: self.access.origin.clone(), reason: reason.to_string() }
    }
}

/// The detail of a problem, or what is missing.
fn reason(value: &Value) -> String {
    if let Some(missing) = value["missing"].as_array() {
        return missing.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; ");
    }
    value["detail"].as_str().unwrap_or("the host refused").to_owned()
}
