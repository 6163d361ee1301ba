//! The least that an HTTP server can do, as in hyper's own example: the upper bound of what any host could reach.

use std::convert::Infallible;
use std::net::SocketAddr;

use ::http::header::{CONTENT_TYPE, HeaderValue};
use anyhow::Result;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use crate::http::{accept, bind};

#[derive(clap::Args)]
pub struct Settings {
    #[arg(long, value_name = "IP:PORT")]
    listen: SocketAddr,
}

pub async fn run(Settings { listen }: Settings) -> Result<()> {
    let listener = bind(listen).await?;
    loop {
        let stream = TokioIo::new(accept(&listener).await);
        // A connection that breaks is the client's.
        tokio::spawn(async move { http1::Builder::new().serve_connection(stream, service_fn(hello)).await.ok() });
    }
}

async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"Hello, world!\n")));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}
