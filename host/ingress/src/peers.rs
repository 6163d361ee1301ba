//! The services of this host call each other as their listeners call them.

use std::sync::Arc;

use componentd_core::peers::{Caller, PeerBody, Peers};
use componentd_core::registry::Directory;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use wasmtime_wasi_http::WasiBody;

use super::http::answer;
use super::problem::Body;
use crate::request_id::REQUEST_ID;

/// The services of a host, for each other.
pub struct LocalPeers(pub Directory);

impl Peers for LocalPeers {
    fn call(
        &self,
        service: &str,
        mut request: Request<WasiBody>,
        caller: Caller,
    ) -> BoxFuture<'static, Option<Response<PeerBody>>> {
        let service = self.0.find(service);
        async move {
            let service = service?;
            let trigger = Arc::new(service.live().spec.http.clone()?);
            request.headers_mut().insert(REQUEST_ID, caller.id.clone());
            Some(answer(service, trigger, request, Some(caller)).await.map(Body::into_inner))
        }
        .boxed()
    }
}
