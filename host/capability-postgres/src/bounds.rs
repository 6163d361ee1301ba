//! What one call of a database may take.

use std::time::Duration;

use componentd_config::Limits;

#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub timeout: Duration,
    pub max_rows: usize,
    pub max_bytes: usize,
}

impl Bounds {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { timeout: limits.call_timeout.0, max_rows: limits.rows, max_bytes: limits.transfer.0 }
    }
}

/// A duration as the settings of the server have it, in 31 bits: at most 24 days. What is longer, the host ends by itself.
pub(super) fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
