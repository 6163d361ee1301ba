//! The call of a guest, turn by turn.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::cpu_meter::CpuMeter;
use crate::share::Share;

/// A guest that is called, with what its turns are counted by.
pub(crate) struct Guest<F> {
    /// The call, in the one box that it stays in.
    pub(crate) call: Pin<Box<F>>,
    pub(crate) meter: Arc<CpuMeter>,
    pub(crate) share: Arc<Share>,
}

impl<F: Future> Guest<F> {
    /// Lets the guest run until it waits for something, or yields at a tick; and how many nanoseconds that took.
    pub(crate) fn turn(&mut self, context: &mut Context<'_>) -> (Poll<F::Output>, u64) {
        self.meter.resume();
        let poll = self.call.as_mut().poll(context);
        let turn = self.meter.suspend();
        self.share.count(turn);
        (poll, turn)
    }
}
