//! HTTP ingress: receive a request, call the service, reply.

mod call;
mod cors;
mod failure;
mod probe;
mod received;
mod response;
mod running;
mod trigger;
mod wanted;

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use componentd_config::HttpTrigger;
use componentd_core::deployment::InUse;
use componentd_core::dispatch::InvocationError;
use componentd_core::peers::Caller;
use componentd_core::registry::Service;
use componentd_core::scope::Scope;
use futures_util::FutureExt;
use http::header::{CONTENT_LENGTH, HOST, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Bytes;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Level, Span, enabled, info, info_span};

use self::failure::Failure;
use self::received::Received;
use self::response::{GuestResponse, ResponseCut};
pub use self::trigger::Http;
use self::wanted::Wanted;
use super::bodies::{Counted, Held, NoRoom, Room};
use super::bounds::Bounds;
use super::listener::{self, Listening};
use super::problem::{Body, BodyError, full, problem};
use super::request_id::{REQUEST_ID, request_id};

/// Past a service's own deadline there is nothing left to wait for but the last bytes on the wire.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// Serves a service on its listener until `stop`, and then the requests in flight.
async fn serve(listening: Listening, service: Arc<Service>, trigger: HttpTrigger, stop: CancellationToken) {
    let bounds = Bounds {
        header_timeout: trigger.header_timeout.0,
        write_timeout: trigger.write_timeout.0,
        max_connections: trigger.max_connections,
        max_per_address: trigger.connections_per_address(),
        max_streams: trigger.max_streams,
        max_body: trigger.max_body.0,
        spare: 0,
        drain: service.live().spec.limits.timeout.0 + DRAIN_GRACE,
    };
    let cors = trigger.cors.as_ref().map(|cors| Arc::new(cors::rules(cors)));
    let trigger = Arc::new(trigger);
    let answer = move |request| answer(service.clone(), trigger.clone(), request, None).map(Ok);
    match cors {
        None => listener::serve(listening, bounds, stop, answer).await,
        Some(rules) => {
            let answer = move |request| {
                let (rules, answer) = (rules.clone(), answer.clone());
                async move { cors::apply(&rules, request, answer).await }
            };
            listener::serve(listening, bounds, stop, answer).await;
        }
    }
}

/// The life of a request: its id and version, its body, the component's answer or a problem.
pub fn answer<B>(
    service: Arc<Service>,
    trigger: Arc<HttpTrigger>,
    request: Request<B>,
    caller: Option<Caller>,
) -> impl Future<Output = Response<Body>> + Send
where
    B: hyper::body::Body<Data = Bytes, Error: Into<BodyError>> + Send,
{
    let (head, body) = request.into_parts();
    // Both go through many hands, each of which would move all of their bytes.
    Box::pin(answer_parts(service, trigger, Box::new(head), body, caller))
}

async fn answer_parts<B>(
    service: Arc<Service>,
    trigger: Arc<HttpTrigger>,
    head: Box<Parts>,
    body: B,
    caller: Option<Caller>,
) -> Response<Body>
where
    B: hyper::body::Body<Data = Bytes, Error: Into<BodyError>>,
{
    let id = request_id(&head.headers);
    let deployment = service.pick(&head.headers);
    let version = &deployment.version;
    let span = info_span!("request", service = service.name, version = %version.digest(), request_id = id.to_str().unwrap_or_default());
    let (access, wanted) = (Access::of(&head), Wanted::by(&head));
    let scope = Scope::new(deployment.granted.clone(), id.clone(), span.clone()).called_by(caller.as_ref());
    let replied = pin!(reply(&service, &trigger, deployment, scope, head, body));
    let response = replied.instrument(span.clone()).await.unwrap_or_else(|problem| *problem);
    let mut response = wanted.of(response);
    response.headers_mut().insert(REQUEST_ID, id);
    access.log(&span, response.status());
    response
}

/// The component's answer, or a problem.
async fn reply<B>(
    service: &Service,
    trigger: &HttpTrigger,
    deployment: InUse,
    scope: Scope,
    mut head: Box<Parts>,
    body: B,
) -> Result<Response<Body>, Box<Response<Body>>>
where
    B: hyper::body::Body<Data = Bytes, Error: Into<BodyError>>,
{
    if !service.is_ready() {
        return Err(reject(StatusCode::SERVICE_UNAVAILABLE, "the service is not ready yet; try again later"));
    }
    let body = if body.is_end_stream() { Received::default() } else { receive(&head, body, trigger).await? };
    let version = head.version;
    ensure_host(&mut head);
    let response = call::call(deployment, head, body, scope).await.map_err(|e| failed(&e))?;
    if version == Version::HTTP_10 {
        return at_once(response).await;
    }
    Ok(response.map(|body| body.map_err(Into::into).boxed_unsync().into()))
}

/// Takes in the whole body before the component is started: a slow client costs memory, up to the limit, and no instance.
async fn receive<B>(head: &Parts, body: B, trigger: &HttpTrigger) -> Result<Received, Box<Response<Body>>>
where
    B: hyper::body::Body<Data = Bytes, Error: Into<BodyError>>,
{
    let limit = trigger.max_body.0;
    if declared_length(head).is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    receive_body(body, limit, trigger, head.extensions.get()).await
}

/// HTTP/1.0 needs no Host (RFC 1945), `wasi:http` does.
fn ensure_host(head: &mut Parts) {
    let needs_one = head.version < Version::HTTP_11 && head.uri.authority().is_none();
    if needs_one && !head.headers.contains_key(HOST) {
        head.headers.insert(HOST, HeaderValue::from_static("localhost"));
    }
}

async fn receive_body<B>(
    body: B,
    limit: usize,
    trigger: &HttpTrigger,
    room: Option<&Room>,
) -> Result<Received, Box<Response<Body>>>
where
    B: hyper::body::Body<Data = Bytes, Error: Into<BodyError>>,
{
    let mut held = Held::default();
    let counted = Counted { body: pin!(body), room, held: &mut held };
    match tokio::time::timeout(trigger.body_timeout.0, Limited::new(counted, limit).collect()).await {
        Ok(Ok(body)) => Ok(Received::new(body, held)),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Ok(Err(error)) if error.is::<NoRoom>() => Err(reject(
            StatusCode::SERVICE_UNAVAILABLE,
            "the bodies of your requests take as much as they may together; send fewer at a time",
        )),
        Ok(Err(_)) => Err(reject(StatusCode::BAD_REQUEST, "the request's body ended before it was whole")),
        Err(_) => Err(reject(StatusCode::REQUEST_TIMEOUT, "the request's body took too long; send it at once")),
    }
}

fn declared_length(head: &Parts) -> Option<u64> {
    head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn reject(status: StatusCode, detail: &str) -> Box<Response<Body>> {
    Box::new(problem(status, detail))
}

fn too_large(limit: usize) -> Box<Response<Body>> {
    reject(StatusCode::PAYLOAD_TOO_LARGE, &format!("the request's body may have at most {limit} bytes"))
}

/// In HTTP/1.0 a body of unknown length that is cut looks like one that ends, so nothing is sent before it is whole.
async fn at_once(response: GuestResponse) -> Result<Response<Body>, Box<Response<Body>>> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|ResponseCut| failed(&Failure::Unfinished))?;
    Ok(Response::from_parts(head, full(body.to_bytes())))
}

/// What a client learns of a failed invocation; the log has the rest.
fn failed(failure: &Failure) -> Box<Response<Body>> {
    use InvocationError::{CallerTimedOut, Cut, LimitExceeded, NoPlace, Saturated, TimedOut, Trapped};
    match failure {
        Failure::Invocation(Saturated | NoPlace | Cut) => {
            reject(StatusCode::SERVICE_UNAVAILABLE, "the service is busy; try again later")
        }
        Failure::Invocation(TimedOut(_) | CallerTimedOut(_)) => {
            reject(StatusCode::GATEWAY_TIMEOUT, "the service did not answer in time")
        }
        Failure::Invocation(LimitExceeded(_) | Trapped(_))
        | Failure::TooLarge(_)
        | Failure::NoAnswer
        | Failure::Refused(_)
        | Failure::Unfinished => {
            reject(StatusCode::INTERNAL_SERVER_ERROR, "the service failed; the request id names it in the log")
        }
    }
}

/// The line of the log that each request leaves, where the log has such lines.
struct Access(Option<Begun>);

struct Begun {
    method: http::Method,
    path: String,
    start: Instant,
}

impl Access {
    fn of(head: &Parts) -> Self {
        let begun = || Begun { method: head.method.clone(), path: head.uri.path().to_owned(), start: Instant::now() };
        Self(enabled!(Level::INFO).then(begun))
    }

    fn log(self, span: &Span, status: StatusCode) {
        let Some(Begun { method, path, start }) = self.0 else { return };
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        span.in_scope(|| info!(%method, path, status = status.as_u16(), micros, "answered"));
    }
}
