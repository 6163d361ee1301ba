//! The call of a guest, wherever it runs: within the task that waits for it as long as its turns are short, and with the
//! workers from the first that is not.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::guest::Guest;
use crate::workers::{Working, take_over};

/// A call under way. Most are over before they have had a tick of the epoch clock, and cost no change of threads.
pub(crate) enum GuestCall<F: Future> {
    /// It has had no turn yet.
    New(Guest<F>),
    /// In the task of whoever waits for it.
    Here(Guest<F>),
    /// With the workers.
    Away(Working<F::Output>),
    /// Over, or about to be somewhere else.
    Nowhere,
}

impl<F> GuestCall<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    /// Ends it before its time, and waits until its instance is gone.
    pub(crate) async fn end(self) {
        if let Self::Away(working) = self {
            working.cancel().await;
        }
    }

    /// Decides where a new one begins: a service whose turns are long mostly has no further one on a thread that does I/O.
    fn begin(&mut self) {
        *self = match std::mem::replace(self, Self::Nowhere) {
            Self::New(guest) if guest.share.is_slow() => {
                guest.meter.expect_long();
                Self::Away(take_over(guest, true))
            }
            Self::New(guest) => Self::Here(guest),
            begun => begun,
        }
    }

    /// After a turn that has shown that the call takes long.
    fn hand_over(&mut self) {
        if let Self::Here(guest) = std::mem::replace(self, Self::Nowhere) {
            *self = Self::Away(take_over(guest, false));
        }
    }
}

impl<F> Future for GuestCall<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if matches!(*self, Self::New(_)) {
            self.begin();
        }
        if let Self::Here(guest) = &mut *self {
            let (poll, turn) = guest.turn(context);
            guest.share.note_turn(turn);
            if poll.is_ready() || !guest.meter.is_long() {
                return poll;
            }
            self.hand_over();
        }
        match &mut *self {
            Self::Away(working) => working.poll(context),
            _ => Poll::Pending,
        }
    }
}
