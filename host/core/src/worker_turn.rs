//! Whether a worker is at a turn of a call.
//!
//! What a guest does in a turn is seen by others as it does it. Whoever would act on half of that, as on an answer that its
//! guest is about to take back by a trap, waits for the end of the turn.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;

use futures_util::task::AtomicWaker;

/// A turn of a call with the workers; at one time there is one at the most.
#[derive(Debug, Default)]
pub struct WorkerTurn {
    is_on: AtomicBool,
    over: AtomicWaker,
}

impl WorkerTurn {
    /// Whether one is on; whoever asks is woken when it is over.
    pub fn is_on(&self, context: &Context<'_>) -> bool {
        if !self.is_on.load(Ordering::Acquire) {
            return false;
        }
        self.over.register(context.waker());
        self.is_on.load(Ordering::Acquire)
    }

    /// One begins; it is over when what comes back is dropped.
    pub(crate) fn begin(&self) -> Over<'_> {
        self.is_on.store(true, Ordering::Release);
        Over(self)
    }
}

/// Ends a turn.
pub(crate) struct Over<'a>(&'a WorkerTurn);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.is_on.store(false, Ordering::Release);
        self.0.over.wake();
    }
}
