//! One invocation: a place, an instance, the call with its deadline and budget, the outcome.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Request, Response};
use http_body_util::{Full, Limited};
use hyper::body::Bytes;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::{Instrument, Span, error};
use wasmtime::PoolConcurrencyLimitError;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use crate::bindings::handler::exports::componentd::kafka::handler::{Failure, IncomingRecord};
use crate::deployment::Deployment;
use crate::limits::{CpuMeter, LimitExceeded, Metered, Saturated};
use crate::state::Invocation;

/// A response whose body ends with an error where it grows past the service's limit.
pub type GuestResponse = Response<Limited<HyperOutgoingBody>>;

/// The id of invocations that nobody asked for.
pub const PROBE: HeaderValue = HeaderValue::from_static("probe");

/// Why an invocation has no result of the component's own.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    #[error("as many invocations wait as may (limits.queue)")]
    Saturated,
    #[error("as many instances run as may (host.instances)")]
    NoPlace,
    #[error("no answer within {0:?} (limits.timeout)")]
    TimedOut(Duration),
    #[error("{0}")]
    LimitExceeded(LimitExceeded),
    #[error("the component trapped: {0:#}")]
    Trapped(wasmtime::Error),
    #[error("the component ended without an answer")]
    NoAnswer,
    #[error("the component answered with an error: {0:?}")]
    Refused(ErrorCode),
    #[error("another version is live, and this one's drain deadline has passed")]
    Cut,
}

impl From<Saturated> for InvocationError {
    fn from(_: Saturated) -> Self {
        Self::Saturated
    }
}

impl From<wasmtime::Error> for InvocationError {
    fn from(error: wasmtime::Error) -> Self {
        if error.is::<PoolConcurrencyLimitError>() {
            return Self::NoPlace;
        }
        match error.downcast_ref::<LimitExceeded>() {
            Some(limit) => Self::LimitExceeded(limit.clone()),
            None => Self::Trapped(error),
        }
    }
}

/// Calls the service with an HTTP request.
///
/// The answer's head comes as soon as the component has set it; the component runs on and writes the body, or does what it
/// has left to do, to its own end or its deadline. It does so too when the client has gone.
///
/// # Errors
/// There is no answer; the component has been ended.
pub async fn http(
    deployment: &Arc<Deployment>,
    request: Request<Full<Bytes>>,
    id: HeaderValue,
    span: Span,
) -> Result<GuestResponse, InvocationError> {
    let permit = deployment.admission.enter().await.inspect_err(|Saturated| {
        deployment.clients.metrics.invocation(&deployment.name, "saturated");
    })?;
    let (sender, mut head) = oneshot::channel();
    let invocation = Invocation::new(deployment.clone(), id, span.clone());
    let away = invocation.away.clone();
    let mut instance = deployment.instances.take(invocation);
    let (meter, callee) = (instance.meter.clone(), deployment.clone());
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
    let invocation = async move {
        let _permit = permit;
        let instance = noted(&callee, call, meter).await?;
        callee.instances.give_back(instance);
        Ok(())
    };
    let mut running = ToItsEnd { invocation: Some(Box::pin(invocation)), span };
    let answered = tokio::select! {
        biased;
        ended = &mut running => match (head.try_recv(), ended) {
            (Ok(answer), _) => answer.map_err(InvocationError::Refused),
            (Err(_), ended) => Err(ended.err().unwrap_or(InvocationError::NoAnswer)),
        },
        Ok(answer) = &mut head => answer.map_err(InvocationError::Refused),
    };
    match &answered {
        Ok(response) => {
            deployment.answered.inc();
            let is_failure = response.status().is_server_error() && !away.noted();
            if is_failure { deployment.outcomes.failed() } else { deployment.outcomes.succeeded() }
        }
        Err(silent @ (InvocationError::Refused(_) | InvocationError::NoAnswer)) => note_failure(deployment, silent),
        // How it ended was noted where it ended.
        Err(_) => {}
    }
    answered.map(|response| response.map(|body| Limited::new(body, deployment.spec.limits.response.0)))
}

type Ending = dyn Future<Output = Result<(), InvocationError>> + Send;

/// An invocation that runs within the task that waits for its answer, as long as that waits, and else in a task of its own:
/// most are over with their answer, and a task of their own would only be another trip through the scheduler.
struct ToItsEnd {
    invocation: Option<Pin<Box<Ending>>>,
    span: Span,
}

impl Future for ToItsEnd {
    type Output = Result<(), InvocationError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { invocation, span } = &mut *self;
        let _entered = span.enter();
        let poll = invocation.as_mut().expect("it is not polled after its end").as_mut().poll(context);
        if poll.is_ready() {
            *invocation = None;
        }
        poll
    }
}

impl Drop for ToItsEnd {
    fn drop(&mut self) {
        let Some(invocation) = self.invocation.take() else { return };
        // None where the runtime itself is ending, and everything in it with it.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(invocation.instrument(self.span.clone()));
        }
    }
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
    let meter = instance.meter.clone();
    let call = Box::pin(async move {
        deployment.instances.instantiate(&mut instance, &deployment.version.entry).await?;
        let (store, handler) = instance.kafka();
        let result = handler.componentd_kafka_handler().call_handle(store, record).await?;
        Ok((result, instance))
    });
    let result = noted(deployment, call, meter).instrument(span).await.map(|(result, instance)| {
        deployment.instances.give_back(instance);
        deployment.answered.inc();
        deployment.outcomes.succeeded();
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
    let meter = instance.meter.clone();
    let start =
        Box::pin(async move { deployment.instances.instantiate(&mut instance, &deployment.version.entry).await });
    bounded(deployment, start, meter).await
}

/// The call comes in a box, because it is handed on from function to function, and is large.
async fn bounded<T>(
    deployment: &Deployment,
    call: Pin<Box<impl Future<Output = wasmtime::Result<T>>>>,
    meter: Arc<CpuMeter>,
) -> Result<T, InvocationError> {
    let timeout = deployment.spec.limits.timeout.0;
    tokio::select! {
        biased;
        result = Metered { guest: call, meter } => result.map_err(InvocationError::from),
        () = tokio::time::sleep(timeout) => Err(InvocationError::TimedOut(timeout)),
        () = deployment.cut.cancelled() => Err(InvocationError::Cut),
    }
}

/// Notes a failure here, because after the head of an answer nobody else sees how the invocation ended.
async fn noted<T>(
    deployment: &Deployment,
    call: Pin<Box<impl Future<Output = wasmtime::Result<T>>>>,
    meter: Arc<CpuMeter>,
) -> Result<T, InvocationError> {
    bounded(deployment, call, meter).await.inspect_err(|failure| note_failure(deployment, failure))
}

fn note_failure(deployment: &Deployment, failure: &InvocationError) {
    error!("{failure}");
    deployment.clients.metrics.invocation(&deployment.name, name_of(failure));
    // A full host is no fault of a version that is being watched.
    if !matches!(failure, InvocationError::NoPlace) {
        deployment.outcomes.failed();
    }
}

/// The name of a failure among the measurements.
fn name_of(failure: &InvocationError) -> &'static str {
    match failure {
        InvocationError::Saturated | InvocationError::NoPlace => "saturated",
        InvocationError::TimedOut(_) => "timeout",
        InvocationError::LimitExceeded(_) => "limit",
        InvocationError::Trapped(_) => "trap",
        InvocationError::Cut => "cut",
        InvocationError::NoAnswer | InvocationError::Refused(_) => "no-answer",
    }
}
