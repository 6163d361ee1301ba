//! The services of this host, as those see them who call each other within the process.

use std::error::Error;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Bytes;
use wasmtime_wasi_http::WasiBody;

use crate::deadline::Deadline;

/// The body of a service's answer; its error says that it did not come to its end.
pub type PeerBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// An invocation that calls another service of its host, and waits for it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What the log knows it by.
    pub id: HeaderValue,
    /// When it ends, and what it waits for with it.
    pub deadline: Deadline,
    /// How many services wait for it, one for the other.
    pub depth: u32,
}

/// Whoever can find the services of a host.
pub trait Peers: Send + Sync {
    /// Calls the HTTP service of this name, as its own listener does: with its limits, and its place in the queue, and for as
    /// long as its caller waits: dropping the answer ends it. None where no such service runs.
    fn call(
        &self,
        service: &str,
        request: Request<WasiBody>,
        caller: Caller,
    ) -> BoxFuture<'static, Option<Response<PeerBody>>>;
}

/// No service.
pub fn nobody() -> Arc<dyn Peers> {
    struct Nobody;

    impl Peers for Nobody {
        fn call(&self, _: &str, _: Request<WasiBody>, _: Caller) -> BoxFuture<'static, Option<Response<PeerBody>>> {
            std::future::ready(None).boxed()
        }
    }

    Arc::new(Nobody)
}
