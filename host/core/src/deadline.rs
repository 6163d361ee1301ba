//! Until when an invocation may run.

use std::time::Duration;

use tokio::time::Instant;

/// How much later than its caller an invocation may see that their time is up. It ends with its caller, who is to say so: one
/// that was first would give the caller an answer, and the time to make something of it.
const AFTER_CALLER: Duration = Duration::from_secs(1);

/// Whose time was up, with what it had been given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// Its own: `limits.timeout`.
    Own(Duration),
    /// What its caller had left.
    Callers(Duration),
}

/// The one deadline of an invocation, from when it was asked for: the wait for a place is in it, and so are the services that
/// it calls within the host.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
    given: Duration,
    is_callers: bool,
}

impl Deadline {
    /// `limits.timeout` from now on.
    pub fn after(timeout: Duration) -> Self {
        Self { at: Instant::now() + timeout, given: timeout, is_callers: false }
    }

    /// The same for an invocation that one with this deadline waits for: it ends with its caller at the latest.
    pub fn after_within(timeout: Duration, caller: Self) -> Self {
        let own = Self::after(timeout);
        if own.at <= caller.at { own } else { Self { at: caller.at, given: caller.left(), is_callers: true } }
    }

    /// What is left of it.
    pub fn left(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Waits until it has passed, and for the caller to say so where it is the caller's.
    pub async fn passed(self) -> Late {
        let at = if self.is_callers { self.at + AFTER_CALLER } else { self.at };
        tokio::time::sleep_until(at).await;
        self.late()
    }

    /// What has ended an invocation at it.
    fn late(self) -> Late {
        let Self { given, is_callers, .. } = self;
        if is_callers { Late::Callers(given) } else { Late::Own(given) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_secs(100);
    const LONG: Duration = Duration::from_secs(500);

    #[test]
    fn a_callee_has_what_its_caller_has_left() {
        let caller = Deadline { at: Instant::now() + SHORT, ..Deadline::after(LONG) };
        let callee = Deadline::after_within(LONG, caller);
        assert_eq!(callee.at, caller.at);
        assert!(matches!(callee.late(), Late::Callers(given) if given <= SHORT));
        let modest = Deadline::after_within(SHORT, Deadline::after(LONG));
        assert!(matches!(modest.late(), Late::Own(given) if given == SHORT));
    }
}
