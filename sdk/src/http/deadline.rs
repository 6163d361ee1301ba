//! Waiting on the host, for as long as there is time.

use std::time::Duration;

use crate::wit::wasi::clocks::monotonic_clock;
use crate::wit::wasi::io::poll::{Pollable, poll};

/// The time passed.
#[derive(Debug)]
pub(super) struct Elapsed;

/// How long to wait for all the steps of one exchange together.
pub(super) struct Deadline(Option<Pollable>);

impl Deadline {
    /// Waits as long as the host lets the component live.
    pub(super) fn none() -> Self {
        Self(None)
    }

    pub(super) fn after(timeout: Duration) -> Self {
        let nanoseconds = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        Self(Some(monotonic_clock::subscribe_duration(nanoseconds)))
    }

    /// Waits until `event` is ready. An event that is ready at the deadline still counts.
    pub(super) fn wait(&self, event: &Pollable) -> Result<(), Elapsed> {
        match &self.0 {
            None => event.block(),
            Some(timer) if !poll(&[event, timer]).contains(&0) => return Err(Elapsed),
            Some(_) => {}
        }
        Ok(())
    }
}
