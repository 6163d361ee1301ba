//! On whose behalf a capability acts.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use componentd_config::Limits;
use http::HeaderValue;
use tokio::sync::Semaphore;
use tracing::{Instrument, Span, debug_span};

use crate::admission::places;
use crate::away::BackendAway;
use crate::call::{CallError, CallOutcome};
use crate::calling::Calling;
use crate::deadline::Deadline;
use crate::grant::Grant;
use crate::granted::Granted;
use crate::peers::Caller;

/// One invocation of a component: what it may do, by which bounds, and what it is called.
pub struct Scope {
    granted: Arc<Granted>,
    /// What the log and other services know it by.
    pub id: HeaderValue,
    /// The invocation's span: what the component writes, and its calls of capabilities, are logged within it.
    pub span: Span,
    /// Whether a backend did not answer it.
    pub away: BackendAway,
    /// Until when it may run.
    pub deadline: Deadline,
    /// How many services of this host wait for it, one for the other.
    pub depth: u32,
    /// Made for the first of them: most invocations have none.
    requests: OnceLock<Arc<Semaphore>>,
}

impl Scope {
    /// An invocation under these grants, which it keeps alive to its end. Its time begins now.
    pub fn new(granted: Arc<Granted>, id: HeaderValue, span: Span) -> Self {
        let deadline = Deadline::after(granted.limits().timeout.0);
        Self { granted, id, span, away: BackendAway::default(), deadline, depth: 0, requests: OnceLock::new() }
    }

    /// The same for one that another service of this host waits for, if one does.
    pub fn called_by(mut self, caller: Option<&Caller>) -> Self {
        if let Some(Caller { deadline, depth, .. }) = caller {
            self.deadline = Deadline::after_within(self.limits().timeout.0, *deadline);
            self.depth = *depth + 1;
        }
        self
    }

    /// This invocation, as a service of this host sees it that it calls.
    pub fn caller(&self) -> Caller {
        Caller { id: self.id.clone(), deadline: self.deadline, depth: self.depth }
    }

    /// The name of the service.
    pub fn service(&self) -> &str {
        self.granted.service()
    }

    /// The bounds of the invocation, as of its version.
    pub fn limits(&self) -> &Limits {
        self.granted.limits()
    }

    /// What the service may do with a capability, by the type of its grant.
    pub fn grant<G: Grant>(&self) -> Option<&G> {
        self.granted.get()
    }

    /// Does what a component has asked a capability for, as every call of one is done: within `limits.call-timeout`, in a
    /// span, measured by how it ended; and where the server was away, the invocation knows.
    ///
    /// # Errors
    /// Those of `work`, or [`CallError::timed_out`].
    pub fn call<T, E: CallError>(
        &self,
        capability: &'static str,
        operation: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, E>> {
        self.call_within(self.limits().call_timeout.0, capability, operation, work)
    }

    /// The same with a deadline of its own, for a capability whose server is told the other one.
    ///
    /// # Errors
    /// As [`Scope::call`].
    pub fn call_within<T, E: CallError>(
        &self,
        deadline: Duration,
        capability: &'static str,
        operation: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = Result<T, E>> {
        // Those of clients have kilobytes, all of which would be moved at each step on the way to the component.
        let work = Box::pin(work);
        async move {
            let begun = Instant::now();
            let span = debug_span!("call", capability, operation);
            let ended = tokio::time::timeout(deadline, work).instrument(span).await;
            let ended = ended.unwrap_or_else(|_| Err(E::timed_out(deadline)));
            let outcome = ended.as_ref().map_or_else(CallError::outcome, |_| CallOutcome::Ok);
            self.granted.call_ended(&self.away, capability, outcome, begun.elapsed());
            ended
        }
    }

    /// What the service may do, for what keeps it longer than the borrow.
    pub fn granted(&self) -> &Arc<Granted> {
        &self.granted
    }

    /// How many requests to others it may have under way; each has a permit.
    pub fn requests(&self) -> &Arc<Semaphore> {
        self.requests.get_or_init(|| places(self.limits().requests))
    }

    /// A call that outlasts the borrow of the scope; its deadlines are its own.
    pub fn calling(&self, capability: &'static str) -> Calling {
        Calling::new(self.granted.clone(), self.away.clone(), capability)
    }
}
