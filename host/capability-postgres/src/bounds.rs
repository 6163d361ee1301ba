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
