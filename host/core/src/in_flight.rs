//! How many invocations use a deployment, so that a drain ends with the last of them and without looking again and again.
//!
//! It is one number. An invocation costs an increment and a decrement.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// A drain waits for the last one to leave.
const DRAINING: u64 = 1 << 63;

/// The drain is over: whoever enters now is too late.
const CLOSED: u64 = 1 << 62;

/// The rest of the number counts.
const COUNT: u64 = CLOSED - 1;

/// The invocations that use a deployment.
#[derive(Debug, Default)]
pub struct InFlight {
    state: AtomicU64,
    ended: Notify,
}

impl InFlight {
    /// Counts one more, which leaves whatever the answer is. False after the drain: what is live has changed before, and
    /// whoever looks again sees that.
    pub fn enter(&self) -> bool {
        self.state.fetch_add(1, Ordering::Acquire) & CLOSED == 0
    }

    /// Counts one less.
    pub fn leave(&self) {
        if self.state.fetch_sub(1, Ordering::Release) == DRAINING | 1 {
            self.ended.notify_waiters();
        }
    }

    /// Waits until nobody is in, or for so long, and closes. Whoever enters up to that moment is waited for. Returns how many
    /// were still in.
    pub async fn drain(&self, deadline: Duration) -> u64 {
        self.state.fetch_or(DRAINING, Ordering::Relaxed);
        match tokio::time::timeout(deadline, self.until_closed()).await {
            Ok(()) => 0,
            Err(_) => self.state.fetch_or(CLOSED, Ordering::AcqRel) & COUNT,
        }
    }

    async fn until_closed(&self) {
        loop {
            let ended = self.ended.notified();
            let closed = DRAINING | CLOSED;
            match self.state.compare_exchange(DRAINING, closed, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(state) if state & CLOSED != 0 => return,
                Err(_) => ended.await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::poll;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_drain_ends_with_the_last_one_and_whoever_comes_then_is_told() {
        let in_flight = InFlight::default();
        assert!(in_flight.enter());
        let mut drain = Box::pin(in_flight.drain(LONG));
        assert!(poll!(&mut drain).is_pending());
        assert!(in_flight.enter(), "what was picked before the switch is waited for");
        in_flight.leave();
        assert!(poll!(&mut drain).is_pending());
        in_flight.leave();
        assert_eq!(drain.await, 0);
        assert!(!in_flight.enter());
    }

    #[tokio::test]
    async fn what_is_left_at_the_deadline_is_counted() {
        let in_flight = InFlight::default();
        assert!(in_flight.enter() && in_flight.enter());
        assert_eq!(in_flight.drain(Duration::ZERO).await, 2);
        assert!(!in_flight.enter());
    }

    #[tokio::test]
    async fn two_drains_end_together() {
        let in_flight = InFlight::default();
        assert!(in_flight.enter());
        let (mut one, mut other) = (Box::pin(in_flight.drain(LONG)), Box::pin(in_flight.drain(LONG)));
        assert!(poll!(&mut one).is_pending() && poll!(&mut other).is_pending());
        in_flight.leave();
        assert_eq!((one.await, other.await), (0, 0));
    }

    /// Each entry that is let in is seen by the drain: after it has ended, nobody who was let in is still there.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn nobody_who_is_let_in_is_missed() {
        for _ in 0..200 {
            let (in_flight, inside) = (Arc::new(InFlight::default()), Arc::new(AtomicU64::new(0)));
            let callers = (0..3).map(|_| {
                let (in_flight, inside) = (in_flight.clone(), inside.clone());
                tokio::spawn(async move {
                    // Not for ever: together they may never all be out.
                    for _ in 0..100 {
                        if in_flight.enter() {
                            inside.fetch_add(1, Ordering::SeqCst);
                            tokio::task::yield_now().await;
                            inside.fetch_sub(1, Ordering::SeqCst);
                        }
                        in_flight.leave();
                    }
                })
            });
            let callers: Vec<_> = callers.collect();
            assert_eq!(in_flight.drain(LONG).await, 0);
            assert_eq!(inside.load(Ordering::SeqCst), 0);
            for caller in callers {
                caller.await.unwrap();
            }
        }
    }
}
