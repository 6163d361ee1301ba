//! One invocation: a place, an instance, the call with its deadline and budget, the outcome. What is called, and with what, is
//! the trigger's business.

use std::sync::Arc;
use std::time::Duration;

use componentd_config::Limits;
use http::HeaderValue;
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument, Span, error, warn};
use wasmtime::PoolConcurrencyLimitError;

use crate::admission::Saturated;
use crate::deadline::{Deadline, Late};
use crate::deployment::Deployment;
use crate::guest::Guest;
use crate::guest_call::GuestCall;
use crate::instances::{Instance, Watched};
use crate::limits::LimitExceeded;
use crate::metrics::Outcome;
use crate::output::Output;
use crate::scope::Scope;
use crate::trap::Trap;

/// The id of invocations that nobody asked for.
pub const PROBE: HeaderValue = HeaderValue::from_static("probe");

/// What is called in an instance, with its arguments. It may go on in another thread than it began in.
pub trait Call: Send + 'static {
    /// What the component returns.
    type Output: Send;

    /// Calls it. The exports are those that the trigger's [`Entry`](crate::entry_point::Entry) has found.
    fn call(self, instance: &mut Instance) -> impl Future<Output = wasmtime::Result<Self::Output>> + Send;
}

/// Why an invocation did not come to its own end.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    /// It was turned away: the queue of the service is full.
    #[error("as many invocations wait as may (limits.queue)")]
    Saturated,
    /// All instances of the host are at work, and none is idle that could give its place.
    #[error("as many instances run as may (host.instances)")]
    NoPlace,
    /// It was ended at `limits.timeout`, which is given, or had no place by then.
    #[error("the invocation took longer than {0:?} (limits.timeout)")]
    TimedOut(Duration),
    /// It was ended with the service of this host that waits for it, which had so much left of its own time.
    #[error("the invocation took longer than the {0:?} that its caller had left (limits.timeout of the caller)")]
    CallerTimedOut(Duration),
    /// It was ended by the host at a bound of memory, table entries or processor time.
    #[error("{0}")]
    LimitExceeded(LimitExceeded),
    /// The component trapped, as it does after a panic.
    #[error("{0}")]
    Trapped(Trap),
    /// It was still running at the drain deadline of its version.
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
    fn of(error: wasmtime::Error, limits: &Limits, output: &Output) -> Self {
        if error.is::<PoolConcurrencyLimitError>() {
            return Self::NoPlace;
        }
        match LimitExceeded::of(&error, limits) {
            Some(limit) => Self::LimitExceeded(limit),
            None => Self::Trapped(Trap::new(error, output.take_panic())),
        }
    }

    /// What it is among the measurements.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Saturated | Self::NoPlace => Outcome::Saturated,
            Self::TimedOut(_) | Self::CallerTimedOut(_) => Outcome::Timeout,
            Self::LimitExceeded(limit) => limit.outcome(),
            Self::Trapped(_) => Outcome::Trap,
            Self::Cut => Outcome::Cut,
        }
    }
}

impl From<Saturated> for InvocationError {
    fn from(_: Saturated) -> Self {
        Self::Saturated
    }
}

impl From<Late> for InvocationError {
    fn from(late: Late) -> Self {
        match late {
            Late::Own(given) => Self::TimedOut(given),
            Late::Callers(given) => Self::CallerTimedOut(given),
        }
    }
}

/// What came of a call.
pub struct Invoked<T> {
    /// What the component returned, or why it did not.
    pub result: Result<T, InvocationError>,
    /// A backend did not answer meanwhile, so a failure says nothing of what was asked for.
    pub backend_away: bool,
}

/// Calls the component once, as soon as there is a place, and counts how that ended: by `outcome`, where it came to its own
/// end. For triggers that bring one thing after the other; what needs an answer before the end, as HTTP does, uses [`call`].
pub async fn invoke<C: Call>(
    deployment: &Arc<Deployment>,
    id: HeaderValue,
    span: Span,
    called: C,
    outcome: impl FnOnce(&C::Output) -> Outcome,
) -> Invoked<C::Output> {
    let permit = deployment.admission.wait().await;
    // Nobody waits for it: its time begins with its place.
    let scope = Scope::new(deployment.granted.clone(), id, span);
    admitted(deployment, permit, scope, called, outcome).await
}

/// The same for callers who wait for what comes of it, and so are turned away where as many wait as may.
pub async fn invoke_if_room<C: Call>(
    deployment: &Arc<Deployment>,
    id: HeaderValue,
    span: Span,
    called: C,
    outcome: impl FnOnce(&C::Output) -> Outcome,
) -> Invoked<C::Output> {
    let scope = Scope::new(deployment.granted.clone(), id, span);
    match enter(deployment, scope.deadline).await {
        Ok(permit) => admitted(deployment, permit, scope, called, outcome).await,
        Err(error) => {
            deployment.outcomes.note(error.outcome());
            Invoked { result: Err(error), backend_away: false }
        }
    }
}

/// A place for an invocation of which somebody waits for the answer, before its deadline.
///
/// # Errors
/// There is none, or not in time.
pub async fn enter(deployment: &Deployment, deadline: Deadline) -> Result<OwnedSemaphorePermit, InvocationError> {
    if let Some(permit) = deployment.admission.try_enter() {
        return Ok(permit);
    }
    // Boxed, so that those who have a place at once do not carry its size around.
    Box::pin(async {
        tokio::select! {
            biased;
            permit = deployment.admission.enter() => Ok(permit?),
            late = deadline.passed() => Err(late.into()),
        }
    })
    .await
}

async fn admitted<C: Call>(
    deployment: &Arc<Deployment>,
    _permit: OwnedSemaphorePermit,
    scope: Scope,
    called: C,
    outcome: impl FnOnce(&C::Output) -> Outcome,
) -> Invoked<C::Output> {
    let (away, span) = (scope.away.clone(), scope.span.clone());
    let instance = deployment.instances.take(scope);
    let result = async {
        let (instance, output) =
            call(deployment.clone(), instance, called).await.inspect_err(|failure| failure.note(deployment))?;
        deployment.instances.keep(deployment.instances.reusable(instance));
        deployment.outcomes.note(match outcome(&output) {
            Outcome::Ok => Outcome::Ok,
            _ if away.noted() => Outcome::BackendAway,
            failed => failed,
        });
        Ok(output)
    };
    let result = result.instrument(span).await;
    Invoked { result, backend_away: away.noted() }
}

/// Calls the component within its limits. The instance comes back too, where it has come to its own end.
///
/// # Errors
/// It has not.
pub fn call<C: Call>(
    deployment: Arc<Deployment>,
    mut instance: Box<Instance>,
    called: C,
) -> impl Future<Output = Result<(Box<Instance>, C::Output), InvocationError>> + Send {
    let (watched, deadline) = (instance.watched(), instance.store.data().scope().deadline);
    let callee = deployment.clone();
    let call = Box::pin(async move {
        callee.instances.instantiate(&mut instance, &callee.version).await?;
        let output = called.call(&mut instance).await?;
        Ok((instance, output))
    });
    let Watched { meter, output } = watched;
    let guest = Guest { call, meter, share: deployment.share.clone() };
    bounded(deployment, GuestCall::New(guest), deadline, output)
}

/// Instantiates the version and lets it go: what traps here would trap at each request.
///
/// # Errors
/// It traps, or runs into a limit.
pub async fn instantiate(deployment: &Arc<Deployment>) -> Result<(), InvocationError> {
    /// Calls nothing.
    struct Nothing;

    impl Call for Nothing {
        type Output = ();

        async fn call(self, _: &mut Instance) -> wasmtime::Result<()> {
            Ok(())
        }
    }

    let instance = deployment.instances.take(Scope::new(deployment.granted.clone(), PROBE, Span::current()));
    call(deployment.clone(), instance, Nothing).await.map(drop)
}

/// How long a call that is ended is waited for: longer than a turn takes, and not as long as a call of the host may.
const UNTIL_ENDED: Duration = Duration::from_millis(100);

async fn bounded<T, F>(
    deployment: Arc<Deployment>,
    mut call: GuestCall<F>,
    deadline: Deadline,
    output: Output,
) -> Result<T, InvocationError>
where
    T: Send,
    F: Future<Output = wasmtime::Result<T>> + Send + 'static,
{
    let ended = tokio::select! {
        biased;
        result = &mut call => return result.map_err(|error| InvocationError::of(error, &deployment.spec.limits, &output)),
        late = deadline.passed() => late.into(),
        () = deployment.cut.cancelled() => InvocationError::Cut,
    };
    // Its instance is gone before another gets its place.
    let _ = tokio::time::timeout(UNTIL_ENDED, call.end()).await;
    Err(ended)
}
