//! A server that answers with what it was sent, or too late, or not at all.

use std::convert::Infallible;
use std::net::SocketAddr;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Starts one on the shared runtime; it ends with the process.
///
/// | path | answer |
/// | --- | --- |
/// | `/never` | none |
/// | `/redirect` | 302 to `/` |
/// | `/repeat` | 200, with what `authorization` was in `x-authorization` |
/// | `/status/503` | that status, without a body |
/// | others | 200, and the request as JSON |
pub async fn start() -> SocketAddr {
    super::shared(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(accept(listener));
        address
    })
    .await
}

async fn accept(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    if path == "/never" {
        std::future::pending::<()>().await;
    }
    let authorization = request.headers().get("authorization").cloned();
    let mut response = Response::new(Full::new(Bytes::from(describe(request).await.to_string())));
    if let Some(repeated) = authorization.filter(|_| path == "/repeat") {
        response.headers_mut().insert("x-authorization", repeated);
    }
    if path == "/redirect" {
        *response.status_mut() = http::StatusCode::FOUND;
        response.headers_mut().insert("location", "/".parse().unwrap());
    }
    if let Some(status) = path.strip_prefix("/status/") {
        *response.status_mut() = status.parse().unwrap();
    }
    Ok(response)
}

async fn describe(request: Request<Incoming>) -> Value {
    let (head, body) = request.into_parts();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap())));
    let headers: serde_json::Map<_, _> = headers.collect();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    json!({ "method": head.method.as_str(), "path": head.uri.to_string(), "headers": headers, "body": body })
}
