//! One invocation: a place, an instance, the call with its deadline and budget, the outcome.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{Full, Limited};
use hyper::body::Bytes;
use tokio::sync::oneshot;
use tracing::{Instrument, Span, error};
use wasmtime::Store;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use crate::bindings::handler::KafkaHandlerPre;
use crate::bindings::handler::exports::componentd::kafka::handler::{Failure, IncomingRecord};
use crate::deployment::Deployment;
use crate::limits::{CpuMeter, LimitExceeded, Metered, Saturated};
use crate::loader::Entry;
use crate::state::State;

/// A response whose body ends with an error where it grows past the service's limit.
pub type GuestResponse = Response<Limited<HyperOutgoingBody>>;

/// Why an invocation has no result of the component's own.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    #[error("as many invocations wait as may (limits.queue)")]
    Saturated,
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
    pre: &ProxyPre<State>,
    request: Request<Full<Bytes>>,
    span: Span,
) -> Result<GuestResponse, InvocationError> {
    let metrics = &deployment.clients.metrics;
    let permit = deployment.admission.enter().await.inspect_err(|Saturated| {
        metrics.invocation(&deployment.name, "saturated");
    })?;
    let (sender, receiver) = oneshot::channel();
    let (mut store, meter) = store(deployment, span.clone());
    let away = store.data().away.clone();
    let pre = pre.clone();
    let call = async move {
        let _permit = permit;
        let mut view = store.data_mut().http();
        let request = view.new_incoming_request(Scheme::Http, request)?;
        let answer = view.new_response_outparam(sender)?;
        let instance = pre.instantiate_async(&mut store).await?;
        instance.wasi_http_incoming_handler().call_handle(&mut store, request, answer).await
    };
    let running = tokio::spawn(noted(deployment.clone(), call, meter).instrument(span));
    let answered = match receiver.await {
        Ok(Ok(response)) => Ok(response.map(|body| Limited::new(body, deployment.spec.limits.response.0))),
        Ok(Err(code)) => Err(InvocationError::Refused(code)),
        Err(_) => Err(running.await.expect("an invocation does not panic").err().unwrap_or(InvocationError::NoAnswer)),
    };
    match &answered {
        Ok(response) => {
            metrics.invocation(&deployment.name, "ok");
            let is_failure = response.status().is_server_error() && !away.noted();
            if is_failure { deployment.outcomes.failed() } else { deployment.outcomes.succeeded() }
        }
        Err(silent @ (InvocationError::Refused(_) | InvocationError::NoAnswer)) => note_failure(deployment, silent),
        // How it ended was noted where it ended.
        Err(_) => {}
    }
    answered
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
    pre: &KafkaHandlerPre<State>,
    record: &IncomingRecord,
    span: Span,
) -> RecordOutcome {
    let (mut store, meter) = store(deployment, span.clone());
    let away = store.data().away.clone();
    let call = async {
        let instance = pre.instantiate_async(&mut store).await?;
        instance.componentd_kafka_handler().call_handle(&mut store, record).await
    };
    let _permit = deployment.admission.wait().await;
    let result = noted(deployment.clone(), call, meter).instrument(span).await;
    if result.is_ok() {
        deployment.clients.metrics.invocation(&deployment.name, "ok");
        deployment.outcomes.succeeded();
    }
    RecordOutcome { result, backend_away: away.noted() }
}

fn store(deployment: &Arc<Deployment>, span: Span) -> (Store<State>, Arc<CpuMeter>) {
    let limits = deployment.spec.limits;
    let meter = Arc::new(CpuMeter::default());
    let mut store = Store::new(&deployment.engine, State::new(deployment.clone(), span));
    store.limiter(|state| &mut state.memory);
    store.set_hostcall_fuel(limits.transfer.0);
    store.set_epoch_deadline(1);
    let on_tick = meter.clone();
    store.epoch_deadline_callback(move |_| on_tick.on_tick(limits.cpu.0));
    (store, meter)
}

/// Instantiates the version and lets it go: what traps here would trap at each request.
///
/// # Errors
/// It traps, or runs into a limit.
pub async fn instantiate(deployment: &Arc<Deployment>) -> Result<(), InvocationError> {
    let (mut store, meter) = store(deployment, Span::current());
    let call = async {
        match &deployment.version.entry {
            Entry::Http(pre) => pre.instantiate_async(&mut store).await.map(|_| ()),
            Entry::Kafka(pre) => pre.instantiate_async(&mut store).await.map(|_| ()),
        }
    };
    bounded(deployment, call, meter).await
}

async fn bounded<T>(
    deployment: &Deployment,
    call: impl Future<Output = wasmtime::Result<T>>,
    meter: Arc<CpuMeter>,
) -> Result<T, InvocationError> {
    let timeout = deployment.spec.limits.timeout.0;
    tokio::select! {
        result = Metered { guest: Box::pin(call), meter } => result.map_err(InvocationError::from),
        () = tokio::time::sleep(timeout) => Err(InvocationError::TimedOut(timeout)),
        () = deployment.cut.cancelled() => Err(InvocationError::Cut),
    }
}

/// Notes a failure here, because after the head of an answer nobody else sees how the invocation ended.
async fn noted<T>(
    deployment: Arc<Deployment>,
    call: impl Future<Output = wasmtime::Result<T>>,
    meter: Arc<CpuMeter>,
) -> Result<T, InvocationError> {
    let result = bounded(&deployment, call, meter).await;
    result.inspect_err(|failure| note_failure(&deployment, failure))
}

fn note_failure(deployment: &Deployment, failure: &InvocationError) {
    error!("{failure}");
    deployment.clients.metrics.invocation(&deployment.name, name_of(failure));
    deployment.outcomes.failed();
}

/// The name of a failure among the measurements.
fn name_of(failure: &InvocationError) -> &'static str {
    match failure {
        InvocationError::Saturated => "saturated",
        InvocationError::TimedOut(_) => "timeout",
        InvocationError::LimitExceeded(_) => "limit",
        InvocationError::Trapped(_) => "trap",
        InvocationError::Cut => "cut",
        InvocationError::NoAnswer | InvocationError::Refused(_) => "no-answer",
    }
}
