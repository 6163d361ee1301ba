//! Calls to other servers, over connections that are kept.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// Our own servers close a connection that is idle for 30 seconds; this one is to do so first.
const IDLE: Duration = Duration::from_secs(20);
const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_RESPONSE: usize = 1024 * 1024;

#[derive(Clone)]
pub struct Client(HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// Why there is no whole answer.
pub enum SendError {
    Timeout,
    Failed(String),
}

impl Client {
    pub fn new() -> Self {
        let connector = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1();
        let connector = connector.wrap_connector(http_connector());
        let mut client = HyperClient::builder(TokioExecutor::new());
        Self(client.pool_idle_timeout(IDLE).pool_timer(TokioTimer::new()).build(connector))
    }

    /// Sends the request and reads the whole answer.
    ///
    /// # Errors
    /// It did not come in time, or not at all.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), SendError> {
        let exchange = async {
            let answer = self.0.request(request).await.map_err(|error| SendError::Failed(format!("{error:?}")))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), MAX_RESPONSE).collect().await;
            Ok((status, body.map_err(|error| SendError::Failed(error.to_string()))?.to_bytes()))
        };
        tokio::time::timeout(TIMEOUT, exchange).await.unwrap_or(Err(SendError::Timeout))
    }
}

fn http_connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector
}
