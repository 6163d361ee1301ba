//! What `wasi:http` asks before it sends a request of one invocation.

use std::future::Future;
use std::pin::Pin;

use http::{Request, Response};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use crate::scope::Scope;

/// The answer to a request, once its head is there.
pub type Sending = Pin<Box<dyn Future<Output = Result<Response<WasiBody>, Error>> + Send>>;

/// Sends requests of components.
pub trait Outgoing: Send + Sync {
    /// Sends a request, if the invocation may.
    fn send(&self, scope: &Scope, request: Request<WasiBody>, options: RequestOptions) -> Sending;
}
