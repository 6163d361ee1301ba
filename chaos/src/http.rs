//! The customers' HTTP client. It never tries again by itself: that is for those who know what they asked for.

use std::collections::VecDeque;
use std::error::Error;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// What the admin port of a host asks for.
pub const ADMIN_TOKEN: &str = "chaos";

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

type Body = Full<VecDeque<u8>>;

/// A client that keeps connections alive.
#[derive(Clone, Debug)]
pub struct Http(Client<HttpConnector, Body>);

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub request_id: String,
    pub body: Vec<u8>,
}

impl Reply {
    /// The body, `null` if it is no JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Default for Http {
    fn default() -> Self {
        Self(Client::builder(TokioExecutor::new()).retry_canceled_requests(false).build_http())
    }
}

impl Http {
    /// Posts JSON.
    ///
    /// # Errors
    /// No whole answer in time, in words.
    pub async fn post(&self, url: &str, key: Option<&str>, body: &Value, timeout: Duration) -> Result<Reply, String> {
        let mut request = Request::post(url).header(CONTENT_TYPE, "application/json");
        if let Some(key) = key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        let body = VecDeque::from(body.to_string().into_bytes());
        self.send(request.body(Full::new(body)).map_err(|error| error.to_string())?, timeout).await
    }

    /// Gets a page of the admin port.
    ///
    /// # Errors
    /// No whole answer in time, in words.
    pub async fn get(&self, url: &str, timeout: Duration) -> Result<Reply, String> {
        self.send(
            Request::get(url)
                .header(AUTHORIZATION, format!("Bearer {ADMIN_TOKEN}"))
                .body(Body::default())
                .map_err(|error| error.to_string())?,
            timeout,
        )
        .await
    }

    async fn send(&self, request: Request<Body>, timeout: Duration) -> Result<Reply, String> {
        let whole = async {
            let (head, body) = self.0.request(request).await.map_err(|error| words(&error))?.into_parts();
            let body = body.collect().await.map_err(|error| words(&error))?.to_bytes().to_vec();
            let id = head.headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
            Ok(Reply { status: head.status.as_u16(), request_id: id, body })
        };
        tokio::time::timeout(timeout, whole).await.unwrap_or_else(|_| Err("the client gave up".to_owned()))
    }
}

/// The last cause says the most.
fn words(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |cause| (*cause).source());
    causes.last().map_or_else(String::new, ToString::to_string)
}
