//! `http://<service>.internal/`: another service of this host, called within the process as its own listener calls it.
//! Neither a connection nor a port is in between; the grant, the callee's limits and its place in the queue are the same.

use std::sync::Arc;

use http::{HeaderValue, Request, Response};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::idle::IdleTimeout;
use super::send::first_byte;
use crate::ingress;
use crate::registry::Service;

/// Calls a service, with the request id of the invocation that calls. There is no connection, and so no limit for one.
///
/// # Errors
/// It does not run, or has no answer in time.
pub(super) async fn call(
    callee: Option<Arc<Service>>,
    mut request: Request<WasiBody>,
    id: HeaderValue,
    options: RequestOptions,
) -> Result<Response<WasiBody>, Error> {
    let service = callee.ok_or(Error::DestinationNotFound)?;
    let trigger = service.live().spec.http.clone().ok_or(Error::DestinationNotFound)?;
    request.headers_mut().insert(ingress::http::REQUEST_ID, id);
    let answer = ingress::http::answer(&service, &trigger, request);
    let response = first_byte(answer, options.first_byte_timeout).await?;
    Ok(response.map(|body| {
        let body = body.map_err(|_| Error::HttpResponseIncomplete);
        IdleTimeout::new(body, options.between_bytes_timeout).boxed_unsync()
    }))
}
