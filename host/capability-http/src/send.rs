//! Sends a request and waits for the answer's head, within the limits that the component sets.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use componentd_core::granted::Granted;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::capture_connection;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::attempt::Attempt;
use super::client::HyperClient;
use super::failure;
use super::idle::IdleTimeout;

/// `connect-timeout` is for the way to a connection that can be used: the name, TCP, TLS. One that is there already takes
/// none of it. Then `first-byte-timeout` begins.
pub(super) async fn send(
    client: HyperClient,
    mut request: http::Request<WasiBody>,
    options: RequestOptions,
    granted: Arc<Granted>,
) -> Result<http::Response<WasiBody>, Error> {
    let attempt = Attempt::new(options.connect_timeout);
    let mut connection = capture_connection(&mut request);
    // What is captured is a lock, which must not be kept.
    let connected = async { drop(connection.wait_for_connection_metadata().await) };
    let mut answering = pin!(attempt.scope(client.request(request)));
    let early = tokio::select! {
        biased;
        answer = &mut answering => Some(answer),
        () = connected => None,
        () = tokio::time::sleep(attempt.limit) => return Err(attempt.timed_out()),
    };
    let answer = match early {
        Some(answer) => answer,
        None => first_byte(answering, options.first_byte_timeout).await?,
    };
    answered(answer, options.between_bytes_timeout, granted)
}

fn answered(
    answer: Result<http::Response<Incoming>, legacy::Error>,
    between_bytes: Option<Duration>,
    granted: Arc<Granted>,
) -> Result<http::Response<WasiBody>, Error> {
    let answer = answer.map_err(|error| failure::of_request(&error, &granted.log))?;
    Ok(answer.map(|body| {
        let body = body.map_err(move |error| failure::of_body(&error, &granted.log));
        IdleTimeout::new(body, between_bytes).boxed_unsync()
    }))
}

/// An answer's head, within the limit that the component has set for it.
pub(super) async fn first_byte<T>(answer: impl Future<Output = T>, limit: Option<Duration>) -> Result<T, Error> {
    match limit {
        None => Ok(answer.await),
        Some(limit) => tokio::time::timeout(limit, answer).await.map_err(|_| Error::HttpResponseTimeout),
    }
}
