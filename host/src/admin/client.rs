//! The command line's side of the admin API.

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::health::MAX_ANSWER;
use crate::config::{AdminAccess, Origin};

/// A swap compiles, migrates, probes, and may run a canary.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Where it does not say why.
const REFUSED: &str = "the host refused";

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
        let answer = tokio::time::timeout(TIMEOUT, self.send(method, path, body)).await;
        self.read(answer.map_err(|e| self.unreachable(&e))??).await
    }

    /// The answer line by line, as it comes.
    ///
    /// # Errors
    /// As for [`AdminClient::ask`].
    pub async fn lines(self, path: &str) -> Result<Lines, AdminError> {
        let answer = self.send(Method::GET, path, Vec::new()).await?;
        if !answer.status().is_success() {
            return Err(self.read(answer).await.err().unwrap_or_else(|| AdminError::Refused(REFUSED.to_owned())));
        }
        Ok(Lines { client: self, body: answer.into_body(), read: Vec::new() })
    }

    async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Response<Incoming>, AdminError> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.access.origin));
        if let Some(token) = &self.access.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::from(body)).map_err(|e| self.unreachable(&e))?;
        let answer = self.http.request(request).await.map_err(|e| self.unreachable(&e))?;
        if answer.status() == StatusCode::UNAUTHORIZED { Err(AdminError::Token) } else { Ok(answer) }
    }

    async fn read(&self, answer: Response<Incoming>) -> Result<Value, AdminError> {
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

/// An answer that may have no end.
pub struct Lines {
    client: AdminClient,
    body: Incoming,
    /// What has come and is not yet given out.
    read: Vec<u8>,
}

impl Lines {
    /// The next one, without its end; none after the last.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn next(&mut self) -> Result<Option<String>, AdminError> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(&line[..end]).into_owned()));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.read.extend(frame.into_data().unwrap_or_default()),
                Some(Err(error)) => return Err(self.client.unreachable(&error)),
                None => return Ok(None),
            }
        }
    }
}

/// The detail of a problem, or what is missing.
fn reason(value: &Value) -> String {
    if let Some(missing) = value["missing"].as_array() {
        return missing.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; ");
    }
    value["detail"].as_str().unwrap_or(REFUSED).to_owned()
}
