//! An HTTP invocation under way: until its response is there, and from then on to its end.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use componentd_core::away::BackendAway;
use componentd_core::cpu_meter::CpuMeter;
use componentd_core::deployment::{Deployment, InUse};
use componentd_core::dispatch::InvocationError;
use componentd_core::instances::Instance;
use componentd_core::metrics::Outcome;
use http::{Response, StatusCode};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tracing::{Instrument, Span, error, info};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::failure::Failure;
use super::response::{Fate, GuestBody, GuestResponse, Whole, outcome};

/// What a component hands over as its answer.
pub(super) type Head = Result<Response<HyperOutgoingBody>, ErrorCode>;

/// The call of a component, which ends with the instance that was called.
pub(super) type Call = dyn Future<Output = Ended> + Send;
type Ended = Result<(Box<Instance>, ()), InvocationError>;

/// An invocation that runs within the task that waits for its answer, and from the answer on in a task of its own: most are
/// over with their answer, and a task of their own would only be another trip through the scheduler.
pub(super) struct Running(Option<Invoked>);

/// What there is of an invocation until its end.
pub(super) struct Invoked {
    pub call: Pin<Box<Call>>,
    pub head: oneshot::Receiver<Head>,
    pub meter: Arc<CpuMeter>,
    /// In use until its end.
    pub deployment: InUse,
    pub away: BackendAway,
    pub span: Span,
    /// Set once the response is out.
    pub fate: Option<Arc<Fate>>,
    /// The client wants no body.
    pub head_only: bool,
    /// Its place among the running.
    pub _permit: OwnedSemaphorePermit,
}

/// What happens first.
enum First {
    End(Ended),
    Head(Head),
}

impl From<Invoked> for Running {
    fn from(invoked: Invoked) -> Self {
        Self(Some(invoked))
    }
}

impl Running {
    /// Waits for the response. If the invocation has ended by then, so has the body, or the failure is the answer.
    ///
    /// # Errors
    /// There is no response, or it is not whole and nothing of it was sent.
    pub(super) async fn response(&mut self) -> Result<GuestResponse, Failure> {
        match poll_fn(|context| self.poll(context)).await {
            First::End(ended) => self.0.take().expect("it was polled").ended(ended),
            First::Head(head) => self.0.as_mut().expect("it was polled").opened(head),
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<First> {
        let Invoked { call, head, meter, span, .. } = self.0.as_mut().expect("it is not polled after its end");
        let _entered = span.enter();
        // What the guest does after its answer in the same turn belongs to it, wherever the guest runs: a trap, or all of the body.
        let is_at_work = meter.turn.is_on(context);
        if let Poll::Ready(ended) = call.as_mut().poll(context) {
            return Poll::Ready(First::End(ended));
        }
        if is_at_work || meter.turn.is_on(context) {
            return Poll::Pending;
        }
        // Without an answer, the end says why. It may come later: a guest that is given up has dropped its side before.
        if head.is_terminated() {
            return Poll::Pending;
        }
        let Poll::Ready(Ok(head)) = Pin::new(head).poll(context) else { return Poll::Pending };
        Poll::Ready(First::Head(head))
    }
}

impl Drop for Running {
    /// What has given no response is over when nobody waits for one any more, and with it whatever it waits for.
    fn drop(&mut self) {
        let Some(invoked) = self.0.take() else { return };
        if invoked.fate.is_none() {
            return invoked.abandon();
        }
        // None where the runtime itself is ending, and everything in it with it.
        if let Ok(runtime) = Handle::try_current() {
            let span = invoked.span.clone();
            runtime.spawn(invoked.run_on().instrument(span));
        }
    }
}

impl Invoked {
    /// The response of an invocation that has come to its end, noted as what it was.
    fn ended(mut self, ended: Ended) -> Result<GuestResponse, Failure> {
        let response = self.settle(ended);
        match &response {
            Ok(response) => self.deployment.outcomes.note(outcome(response.status(), &self.away)),
            Err(failure) => failure.note(&self.deployment),
        }
        response
    }

    /// An instance is kept only if it has answered, and in whole.
    fn settle(&mut self, ended: Ended) -> Result<GuestResponse, Failure> {
        let (instance, ()) = ended?;
        let response = answer(self.head.try_recv().map_err(|_| Failure::NoAnswer)?)?;
        let Deployment { instances, spec, .. } = &**self.deployment;
        // What is not kept ends here, and the body with it, if the component has left it open.
        let instance = instances.reusable(instance);
        let (head, body) = response.into_parts();
        // It may say how long the content is that it rightly leaves out (RFC 9110, 8.6).
        let has_none = self.head_only || head.status == StatusCode::NOT_MODIFIED;
        let body = if has_none { Whole::default() } else { Whole::take_in(body, spec.limits.response.0)? };
        instances.keep(instance);
        Ok(Response::from_parts(head, GuestBody::Whole(body)))
    }

    /// The response of an invocation that runs on.
    fn opened(&mut self, head: Head) -> Result<GuestResponse, Failure> {
        let answer = answer(head);
        let status = answer.as_ref().map_or(StatusCode::INTERNAL_SERVER_ERROR, Response::status);
        let fate = Fate::new(&self.deployment, self.away.clone(), self.span.clone(), status);
        self.fate = Some(fate.clone());
        match answer {
            Ok(response) => {
                let (head, body) = response.into_parts();
                let body = fate.body(body, &head.headers, self.deployment.spec.limits.response.0);
                Ok(Response::from_parts(head, body))
            }
            Err(refused) => {
                error!("{refused}");
                fate.count_as(&refused);
                Err(refused)
            }
        }
    }

    /// Ends here, where the component is: what it has open is rolled back, what it waits for is given up.
    fn abandon(self) {
        let _entered = self.span.enter();
        info!("nobody waits for the answer any more: the invocation was ended");
        self.deployment.outcomes.note(Outcome::Abandoned);
    }

    /// Runs on after the response.
    async fn run_on(mut self) {
        let ended = self.call.as_mut().await;
        let fate = self.fate.as_ref().expect("there is one since the response");
        match ended {
            Err(failure) => fate.fail(&failure.into()),
            Ok((instance, ())) if !fate.has_failed() => {
                let Deployment { instances, .. } = &**self.deployment;
                instances.keep(instances.reusable(instance));
            }
            Ok(_) => {}
        }
    }
}

/// What a component hands over, if that is an answer. A status below 200 is none: by HTTP/1 it would not be sent, and by HTTP/2
/// it would end the connection, with the streams of others on it.
fn answer(head: Head) -> Result<Response<HyperOutgoingBody>, Failure> {
    let response = head.map_err(|code| Failure::Refused(format!("{code:?}")))?;
    let status = response.status();
    if status.is_informational() {
        Err(Failure::Refused(format!("{status} is no status of an answer")))
    } else {
        Ok(response)
    }
}
