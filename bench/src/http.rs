//! The client that checks answers and uploads versions. Loads come from elsewhere.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

const TIMEOUT: Duration = Duration::from_secs(60);

/// Keeps connections alive.
#[derive(Clone, Debug)]
pub struct Http(Client<HttpConnector, Full<Bytes>>);

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Bytes,
}

impl Default for Http {
    fn default() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }
}

impl Http {
    /// `GET url`.
    ///
    /// # Errors
    /// No whole answer in time.
    pub async fn get(&self, url: &str) -> Result<Reply> {
        self.send(Request::get(url).body(Full::default())?).await
    }

    /// `POST url`, with a body of this type.
    ///
    /// # Errors
    /// No whole answer in time.
    pub async fn post(&self, url: &str, content_type: &str, body: impl Into<Bytes>) -> Result<Reply> {
        self.send(Request::post(url).header(CONTENT_TYPE, content_type).body(Full::new(body.into()))?).await
    }

    /// `POST url` of an admin port, with a component.
    ///
    /// # Errors
    /// No whole answer in time.
    pub async fn upload(&self, url: &str, token: &str, component: impl Into<Bytes>) -> Result<Reply> {
        let request = Request::post(url).header(CONTENT_TYPE, "application/wasm");
        let request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        self.send(request.body(Full::new(component.into()))?).await
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Reply> {
        let url = request.uri().clone();
        let whole = async {
            let (head, body) = self.0.request(request).await?.into_parts();
            anyhow::Ok(Reply { status: head.status.as_u16(), body: body.collect().await?.to_bytes() })
        };
        let reply = tokio::time::timeout(TIMEOUT, whole).await;
        reply.context("no answer in time").flatten().with_context(|| format!("{url} does not answer"))
    }
}

impl Reply {
    /// The body, if the status is the one expected.
    ///
    /// # Errors
    /// It is another; the message has the answer.
    pub fn expect(self, status: u16) -> Result<Bytes> {
        if self.status != status {
            bail!("answered {}, not {status}: {}", self.status, String::from_utf8_lossy(&self.body));
        }
        Ok(self.body)
    }
}
