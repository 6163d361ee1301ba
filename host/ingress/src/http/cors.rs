//! What browsers ask before they let a page of another origin call: answered by the host, without the component.

use std::convert::Infallible;
use std::task::{Context, Poll};

use componentd_config::{Cors, Names, Origins};
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::{HeaderName, HeaderValue, Method, Request, Response};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};
use tower_layer::Layer;
use tower_service::Service;

use crate::problem::Body;
use crate::request_id::REQUEST_ID;

/// The rules of a listener.
pub(super) fn rules(cors: &Cors) -> CorsLayer {
    let methods = cors.methods.as_ref().map(|Names(names)| AllowMethods::list(names.clone()));
    let headers = cors.headers.as_ref().map(|Names(names)| AllowHeaders::list(names.clone()));
    let readable: Vec<HeaderName> = cors.expose.0.iter().cloned().chain([REQUEST_ID]).collect();
    CorsLayer::new()
        .allow_origin(origins(&cors.origins))
        // Not `*`, which stands for itself where there are credentials, and never for `authorization`.
        .allow_methods(methods.unwrap_or_else(AllowMethods::mirror_request))
        .allow_headers(headers.unwrap_or_else(AllowHeaders::mirror_request))
        .allow_credentials(cors.credentials)
        .expose_headers(readable)
        .max_age(cors.max_age.0)
}

fn origins(origins: &Origins) -> AllowOrigin {
    match origins {
        Origins::Any => AllowOrigin::any(),
        Origins::These(origins) => {
            AllowOrigin::list(origins.iter().map(|origin| {
                HeaderValue::from_str(&origin.to_string()).expect("the normal form of an origin is ASCII")
            }))
        }
    }
}

/// Answers a preflight request; hands any other to `answer`, and adds to the response what the browser looks for.
pub(super) async fn apply<B, F, A>(
    rules: &CorsLayer,
    mut request: Request<B>,
    answer: F,
) -> Result<Response<Body>, Infallible>
where
    F: FnMut(Request<B>) -> A,
    A: Future<Output = Result<Response<Body>, Infallible>>,
{
    let method = request.method().clone();
    if !is_preflight(&request) {
        // The layer takes every OPTIONS for a preflight request.
        *request.method_mut() = Method::GET;
    }
    rules.layer(Inner { answer, method }).call(request).await
}

fn is_preflight<B>(request: &Request<B>) -> bool {
    let has = |name| request.headers().contains_key(name);
    request.method() == Method::OPTIONS && has(ORIGIN) && has(ACCESS_CONTROL_REQUEST_METHOD)
}

/// What is behind the layer, with the method that the request came with.
struct Inner<F> {
    answer: F,
    method: Method,
}

impl<B, F, A> Service<Request<B>> for Inner<F>
where
    F: FnMut(Request<B>) -> A,
    A: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = A;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> A {
        *request.method_mut() = self.method.clone();
        (self.answer)(request)
    }
}
