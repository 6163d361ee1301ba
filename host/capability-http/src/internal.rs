//! `http://<service>.internal/`: another service of this host, called within the process as its own listener calls it.
//! Neither a connection nor a port is in between; the grant, the callee's limits and its place in the queue are the same.

use componentd_core::peers::{Caller, Peers};
use http::{Request, Response};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::idle::IdleTimeout;
use super::send::first_byte;

/// Calls a service, with the request id of the invocation that calls, and what is left of its time. There is no connection,
/// and so no limit for one.
///
/// # Errors
/// It does not run, or has no answer in time.
pub(super) fn call(
    peers: &dyn Peers,
    service: &str,
    request: Request<WasiBody>,
    caller: Caller,
    options: RequestOptions,
) -> impl Future<Output = Result<Response<WasiBody>, Error>> + Send + use<> {
    let answer = peers.call(service, request, caller);
    async move {
        let response = first_byte(answer, options.first_byte_timeout).await?.ok_or(Error::DestinationNotFound)?;
        Ok(response.map(|body| {
            let body = body.map_err(|_| Error::HttpResponseIncomplete);
            IdleTimeout::new(body, options.between_bytes_timeout).boxed_unsync()
        }))
    }
}
