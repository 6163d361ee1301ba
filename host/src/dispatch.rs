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
use crate::limits::{CpuMeter, LimitExceeded, Metered, Saturated};
use crate::registry::Service;
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
    service: &Arc<Service>,
    pre: &ProxyPre<State>,
    request: Request<Full<Bytes>>,
    span: Span,
) -> Result<GuestResponse, InvocationError> {
    let permit = service.admission.enter().await?;
    let (sender, receiver) = oneshot::channel();
    let (mut store, meter) = store(service, span.clone());
    let pre = pre.clone();
    let call = async move {
        let _permit = permit;
        let mut view = store.data_mut().http();
        let request = view.new_incoming_request(Scheme::Http, request)?;
        let answer = view.new_response_outparam(sender)?;
        let instance = pre.instantiate_async(&mut store).await?;
        instance.wasi_http_incoming_handler().call_handle(&mut store, request, answer).await
    };
    let bounded = bounded(call, meter, service.spec.limits.timeout.0);
    let running = tokio::spawn(noted(service.clone(), bounded).instrument(span));
    match receiver.await {
        Ok(Ok(response)) => Ok(response.map(|body| Limited::new(body, service.spec.limits.response.0))),
        Ok(Err(code)) => Err(InvocationError::Refused(code)),
        Err(_) => Err(running.await.expect("an invocation does not panic").err().unwrap_or(InvocationError::NoAnswer)),
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
    service: &Arc<Service>,
    pre: &KafkaHandlerPre<State>,
    record: &IncomingRecord,
    span: Span,
) -> RecordOutcome {
    let (mut store, meter) = store(service, span.clone());
    let away = store.data().away.clone();
    let call = async {
        let instance = pre.instantiate_async(&mut store).await?;
        instance.componentd_kafka_handler().call_handle(&mut store, record).await
    };
    let _permit = service.admission.wait().await;
    let result = bounded(call, meter, service.spec.limits.timeout.0).instrument(span).await;
    service.clients.metrics.invocation(&service.name, outcome(&result));
    RecordOutcome { result, backend_away: away.noted() }
}

fn store(service: &Arc<Service>, span: Span) -> (Store<State>, Arc<CpuMeter>) {
    let limits = service.spec.limits;
    let meter = Arc::new(CpuMeter::default());
    let mut store = Store::new(&service.engine, State::new(service.clone(), span));
    store.limiter(|state| &mut state.memory);
    store.set_hostcall_fuel(limits.transfer.0);
    store.set_epoch_deadline(1);
    let on_tick = meter.clone();
    store.epoch_deadline_callback(move |_| on_tick.on_tick(limits.cpu.0));
    (store, meter)
}

async fn bounded<T>(
    call: impl Future<Output = wasmtime::Result<T>>,
    meter: Arc<CpuMeter>,
    timeout: Duration,
) -> Result<T, InvocationError> {
    let metered = Metered { guest: Box::pin(call), meter };
    match tokio::time::timeout(timeout, metered).await {
        Ok(result) => result.map_err(InvocationError::from),
        Err(_) => Err(InvocationError::TimedOut(timeout)),
    }
}

/// Logs and counts here, because after the head of an answer nobody else sees how the invocation ended.
async fn noted<T>(
    service: Arc<Service>,
    call: impl Future<Output = Result<T, InvocationError>>,
) -> Result<T, InvocationError> {
    let result = call.await;
    service.clients.metrics.invocation(&service.name, outcome(&result));
    if let Err(failure) = &result {
        error!("{failure}");
    }
    result
}

/// The name of an outcome among the measurements.
fn outcome<T>(result: &Result<T, InvocationError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(InvocationError::Saturated) => "saturated",
        Err(InvocationError::TimedOut(_)) => "timeout",
        Err(InvocationError::LimitExceeded(_)) => "limit",
        Err(InvocationError::Trapped(_)) => "trap",
        Err(InvocationError::NoAnswer | InvocationError::Refused(_)) => "no-answer",
    }
}
