//! An HTTP/1.1 server around one service: accept, read the whole request, answer in time.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::HeaderValue;
use http::request::Parts;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};

use crate::problem::Problem;
use crate::response::{Response, response};

/// The bounds of the host, by default.
const MAX_BODY: usize = 1024 * 1024;
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(10);

/// The pause after a failed `accept`: its usual cause is that files run out, and others close some in that time.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// A whole request.
pub struct Request {
    pub head: Parts,
    pub body: Bytes,
}

/// What answers requests.
pub trait Service: Send + Sync + 'static {
    fn answer(&self, request: Request) -> impl Future<Output = Result<Response, Problem>> + Send;
}

impl Request {
    pub fn path(&self) -> &str {
        self.head.uri.path()
    }

    /// # Errors
    /// 405 for any other method.
    pub fn only(&self, method: &Method, allow: &'static str) -> Result<(), Problem> {
        if self.head.method == *method { Ok(()) } else { Err(Problem::method_not_allowed(allow)) }
    }
}

/// Binds, and says so.
///
/// # Errors
/// The address is taken.
pub async fn bind(listen: SocketAddr) -> Result<TcpListener> {
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    println!("ready");
    Ok(listener)
}

/// An error of `accept` is the connection's, or passes.
pub async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are written whole: waiting to fill a packet only delays them.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(_) => tokio::time::sleep(ACCEPT_BACKOFF).await,
        }
    }
}

/// Serves until the process ends.
///
/// # Errors
/// The address is taken.
pub async fn serve(listen: SocketAddr, service: impl Service) -> Result<()> {
    let service = Arc::new(service);
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    let listener = bind(listen).await?;
    loop {
        let stream = TokioIo::new(accept(&listener).await);
        let service = service.clone();
        let answer = service_fn(move |request| {
            let service = service.clone();
            async move { Ok::<_, Infallible>(answer(&*service, request).await) }
        });
        // A connection that breaks is the client's.
        tokio::spawn(server.serve_connection(stream, answer));
    }
}

async fn answer(service: &impl Service, request: http::Request<Incoming>) -> Response {
    let answer = async { answer_whole(service, read(request).await?).await };
    match tokio::time::timeout(TIMEOUT, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(problem)) => problem.into_response(),
        Err(_) => Problem::new(StatusCode::GATEWAY_TIMEOUT, "The service did not answer in time.").into_response(),
    }
}

async fn read(request: http::Request<Incoming>) -> Result<Request, Problem> {
    let (head, body) = request.into_parts();
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => Ok(Request { head, body: body.to_bytes() }),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large."))
        }
        Err(_) => Err(Problem::bad_request("The body ended before it was complete.")),
    }
}

async fn answer_whole(service: &impl Service, request: Request) -> Result<Response, Problem> {
    if request.path() == "/healthz" {
        request.only(&Method::GET, "GET")?;
        return json(StatusCode::OK, &serde_json::json!({ "status": "ok" }));
    }
    service.answer(request).await
}

/// `value` as JSON.
///
/// # Errors
/// 500: it is no JSON.
pub fn json(status: StatusCode, value: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value).map_err(Problem::internal)?;
    Ok(response(status, HeaderValue::from_static("application/json"), body))
}
