//! One invocation: a place, an instance, the call with its deadline and budget, the outcome.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Request};
use tokio::sync::oneshot;
use tracing::{Instrument, Span, error, warn};
use wasmtime::PoolConcurrencyLimitError;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};

use crate::bindings::handler::exports::componentd::kafka::handler::{Failure, IncomingRecord};
use crate::capability::logging::Output;
use crate::deployment::{Deployment, InUse};
use crate::ingress::received::Received;
use crate::instances::Watched;
use crate::limits::{LimitExceeded, Metered, Saturated};
use crate::metrics::Outcome;
use crate::response::GuestResponse;
use crate::running::{Invoked, Running};
use crate::state::Invocation;
use crate::trap::Trap;

/// The id of invocations that nobody asked for.
pub const PROBE: HeaderValue = HeaderValue::from_static("probe");

/// Why an invocation has no result of the component's own.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    #[error("as many invocations wait as may (limits.queue)")]
    Saturated,
    #[error("as many instances run as may (host.instances)")]
    NoPlace,
    #[error("the invocation took longer than {0:?} (limits.timeout)")]
    TimedOut(Duration),
    #[error("{0}")]
    LimitExceeded(LimitExceeded),
    #[error("{0}")]
    Trapped(Trap),
    #[error("the component ended without an answer")]
    NoAnswer,
    #[error("the component answered with an error: {0:?}")]
    Refused(ErrorCode),
    #[error("the component has not finished its response (`outgoing-body.finish`)")]
    Unfinished,
    #[error("the response is larger than {0} bytes (limits.response)")]
    ResponseTooLarge(usize),
    #[error("the drain deadline of its version has passed (swap.drain)")]
    Cut,
}

impl InvocationError {
    /// Says it in the log, and counts it.
    pub fn note(&self, deployment: &Deployment) {
        self.log();
        deployment.outcomes.note(self.outcome());
    }

    /// A trap is a fault of the component that was dealt with; its author wants to know where it was.
    pub fn log(&self) {
        match self {
            Self::Trapped(_) => warn!(backtrace = self.backtrace(), "{self}"),
            other => error!("{other}"),
        }
    }

    /// Where a trap was.
    pub fn backtrace(&self) -> Option<String> {
        if let Self::Trapped(trap) = self { trap.backtrace() } else { None }
    }

    /// Why a call ended; what the component wrote when it panicked is in its output.
    fn of(error: wasmtime::Error, output: &Output) -> Self {
        if error.is::<PoolConcurrencyLimitError>() {
            return Self::NoPlace;
        }
        match error.downcast_ref::<LimitExceeded>() {
            Some(limit) => Self::LimitExceeded(limit.clone()),
            None => Self::Trapped(Trap::new(error, output.take_panic())),
        }
    }

    /// What it is among the measurements.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Saturated | Self::NoPlace => Outcome::Saturated,
            Self::TimedOut(_) => Outcome::Timeout,
            Self::LimitExceeded(_) | Self::ResponseTooLarge(_) => Outcome::Limit,
            Self::Trapped(_) => Outcome::Trap,
            Self::Cut => Outcome::Cut,
            Self::NoAnswer | Self::Refused(_) => Outcome::NoAnswer,
            Self::Unfinished => Outcome::Incomplete,
        }
    }
}

impl From<Saturated> for InvocationError {
    fn from(_: Saturated) -> Self {
        Self::Saturated
    }
}

/// Calls the service with an HTTP request.
///
/// The response comes as soon as the component has set it; the component runs on and writes the body, or does what it has
/// left to do, to its own end or its deadline. It does so too when the client has gone.
///
/// # Errors
/// There is no response, or it was not whole when the invocation ended, and nothing of it was sent.
pub async fn http(
    deployment: InUse,
    request: Request<Received>,
    id: HeaderValue,
    span: Span,
) -> Result<GuestResponse, InvocationError> {
    let head_only = *request.method() == Method::HEAD;
    let permit = deployment.admission.enter().await.inspect_err(|Saturated| {
        deployment.outcomes.note(Outcome::Saturated);
    })?;
    let (sender, head) = oneshot::channel();
    let invocation = Invocation::new(deployment.clone(), id, span.clone());
    let away = invocation.away.clone();
    let mut instance = deployment.instances.take(invocation);
    let (watched, callee) = (instance.watched(), deployment.clone());
    let call = Box::pin(async move {
        callee.instances.instantiate(&mut instance, &callee.version.entry).await?;
        let (store, proxy) = instance.http();
        let mut view = store.data_mut().http();
        let request = view.new_incoming_request(Scheme::Http, request)?;
        let answer = view.new_response_outparam(sender)?;
        proxy.wasi_http_incoming_handler().call_handle(store, request, answer).await?;
        Ok(instance)
    });
    let callee = deployment.clone();
    let call = Box::pin(async move { bounded(&callee, call, watched).await });
    Running::from(Invoked { call, head, deployment, away, span, fate: None, head_only, _permit: permit })
        .response()
        .await
}

/// What came of a record.
pub struct RecordOutcome {
    pub result: Result<Result<(), Failure>, InvocationError>,
    /// A backend did not answer meanwhile, so a failure says nothing of the record.
    pub backend_away: bool,
}

/// Calls the service with a Kafka record.
pub async fn kafka(
    deployment: &Arc<Deployment>,
    record: &IncomingRecord,
    id: HeaderValue,
    span: Span,
) -> RecordOutcome {
    let _permit = deployment.admission.wait().await;
    let invocation = Invocation::new(deployment.clone(), id, span.clone());
    let away = invocation.away.clone();
    let mut instance = deployment.instances.take(invocation);
    let watched = instance.watched();
    let call = Box::pin(async move {
        deployment.instances.instantiate(&mut instance, &deployment.version.entry).await?;
        let (store, handler) = instance.kafka();
        let result = handler.componentd_kafka_handler().call_handle(store, record).await?;
        Ok((result, instance))
    });
    let result = noted(deployment, call, watched).instrument(span).await.map(|(result, instance)| {
        let Deployment { instances, outcomes, .. } = &**deployment;
        instances.keep(instances.reusable(instance));
        outcomes.note(match &result {
            Ok(()) => Outcome::Ok,
            Err(_) if away.noted() => Outcome::BackendAway,
            Err(Failure::Retry(_)) => Outcome::Retry,
            Err(Failure::Reject(_)) => Outcome::Reject,
        });
        result
    });
    RecordOutcome { result, backend_away: away.noted() }
}

/// Instantiates the version and lets it go: what traps here would trap at each request.
///
/// # Errors
/// It traps, or runs into a limit.
pub async fn instantiate(deployment: &Arc<Deployment>) -> Result<(), InvocationError> {
    let mut instance = deployment.instances.take(Invocation::new(deployment.clone(), PROBE, Span::current()));
    let watched = instance.watched();
    let start =
        Box::pin(async move { deployment.instances.instantiate(&mut instance, &deployment.version.entry).await });
    bounded(deployment, start, watched).await
}

/// The call comes in a box, because it is handed on from function to function, and is large.
async fn bounded<T>(
    deployment: &Deployment,
    call: Pin<Box<impl Future<Output = wasmtime::Result<T>>>>,
    watched: Watched,
) -> Result<T, InvocationError> {
    let timeout = deployment.spec.limits.timeout.0;
    tokio::select! {
        biased;
        result = Metered { guest: call, meter: watched.meter } => result.map_err(|error| InvocationError::of(error, &watched.output)),
        () = tokio::time::sleep(timeout) => Err(InvocationError::TimedOut(timeout)),
        () = deployment.cut.cancelled() => Err(InvocationError::Cut),
    }
}

async fn noted<T>(
    deployment: &Deployment,
    call: Pin<Box<impl Future<Output = wasmtime::Result<T>>>>,
    watched: Watched,
) -> Result<T, InvocationError> {
    bounded(deployment, call, watched).await.inspect_err(|failure| failure.note(deployment))
}
