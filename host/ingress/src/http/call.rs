//! The call of a component with a request.

use componentd_core::deployment::InUse;
use componentd_core::dispatch::{self, Call};
use componentd_core::instances::Instance;
use componentd_core::scope::Scope;
use http::request::Parts;
use http::{Method, Request};
use tokio::sync::oneshot;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::Proxy;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

use super::failure::Failure;
use super::received::Received;
use super::response::GuestResponse;
use super::running::{Head, Invoked, Running};
use crate::stream::Encrypted;

/// A request, and where its answer goes.
struct RequestCall {
    head: Box<Parts>,
    body: Received,
    answer: oneshot::Sender<Head>,
}

impl Call for RequestCall {
    type Output = ();

    async fn call(self, instance: &mut Instance) -> wasmtime::Result<()> {
        let (store, proxy) = instance.exports::<Proxy>();
        let mut view = store.data_mut().http();
        let is_encrypted = self.head.extensions.get::<Encrypted>().is_some();
        let scheme = if is_encrypted { Scheme::Https } else { Scheme::Http };
        let request = view.new_incoming_request(scheme, Request::from_parts(*self.head, self.body))?;
        let answer = view.new_response_outparam(self.answer)?;
        proxy.wasi_http_incoming_handler().call_handle(store, request, answer).await
    }
}

/// Calls the service with an HTTP request.
///
/// The response comes as soon as the component has set it; the component runs on and writes the body, or does what it has
/// left to do, to its own end or its deadline. Whoever drops this before, because the client has gone, ends the invocation.
///
/// # Errors
/// There is no response, or it was not whole when the invocation ended, and nothing of it was sent.
pub(super) async fn call(
    deployment: InUse,
    head: Box<Parts>,
    body: Received,
    scope: Scope,
) -> Result<GuestResponse, Failure> {
    let head_only = head.method == Method::HEAD;
    let permit = dispatch::enter(&deployment, scope.deadline).await.inspect_err(|error| {
        deployment.outcomes.note(error.outcome());
    })?;
    let (sender, answer) = oneshot::channel();
    let (away, span) = (scope.away.clone(), scope.span.clone());
    let instance = deployment.instances.take(scope);
    let meter = instance.meter.clone();
    let call = Box::pin(dispatch::call(deployment.clone(), instance, RequestCall { head, body, answer: sender }));
    let invoked = Invoked { call, head: answer, meter, deployment, away, span, fate: None, head_only, _permit: permit };
    Running::from(invoked).response().await
}
