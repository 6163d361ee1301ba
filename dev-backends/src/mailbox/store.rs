//! What the mailbox remembers.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::StatusCode;

use super::sendgrid::Mail;

/// How many mails are kept: enough to look at, too few to fill the memory.
pub const CAPACITY: usize = 1_000;

/// Shared by all connections.
#[derive(Debug, Default)]
pub struct Store(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    mails: VecDeque<Mail>,
    /// The answer for the next mails, and for how many.
    failure: Option<(StatusCode, u32)>,
}

impl Store {
    /// Keeps a mail, forgetting the oldest beyond [`CAPACITY`].
    pub fn push(&self, mail: Mail) {
        let mut state = self.state();
        state.mails.push_back(mail);
        let surplus = state.mails.len().saturating_sub(CAPACITY);
        state.mails.drain(..surplus);
    }

    /// What is kept, the oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.state().mails.iter().cloned().collect()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.state().mails.clear();
    }

    /// Lets the next `times` mails fail.
    pub fn fail(&self, status: StatusCode, times: u32) {
        self.state().failure = Some((status, times));
    }

    /// The status to fail this mail with, if it is to fail.
    pub fn failure(&self) -> Option<StatusCode> {
        let mut state = self.state();
        let (status, times) = state.failure.filter(|(_, times)| *times > 0)?;
        state.failure = Some((status, times - 1));
        Some(status)
    }

    /// Every method leaves it whole, so a panic elsewhere is no reason not to use it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
