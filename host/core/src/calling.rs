//! A call of a capability under way.

use std::sync::Arc;
use std::time::Instant;

use crate::away::BackendAway;
use crate::call::CallOutcome;
use crate::granted::Granted;

/// A call under way. One that is given up before its end counts as one whose server was away only where that is said.
pub struct Calling {
    granted: Arc<Granted>,
    away: BackendAway,
    capability: &'static str,
    begun: Instant,
    /// How it ends if it is dropped now; none where that is no end that counts.
    ended: Option<CallOutcome>,
}

impl Calling {
    /// Begins a call: its time counts from here. `away` is that of its invocation.
    pub fn new(granted: Arc<Granted>, away: BackendAway, capability: &'static str) -> Self {
        Self { granted, away, capability, begun: Instant::now(), ended: None }
    }

    /// What it has ended with if it is dropped before its end: the component would not wait longer.
    pub fn or_given_up(mut self, outcome: CallOutcome) -> Self {
        self.ended = Some(outcome);
        self
    }

    /// Ends the call so, and measures it.
    pub fn ended(mut self, outcome: CallOutcome) {
        self.ended = Some(outcome);
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        if let Some(outcome) = self.ended {
            self.granted.call_ended(&self.away, self.capability, outcome, self.begun.elapsed());
        }
    }
}
