//! What one call of a database may take.

use std::time::Duration;

use componentd_config::Limits;
use sqlx::postgres::PgConnectOptions;

#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub timeout: Duration,
    /// No transaction is open for longer than an invocation may take.
    pub transaction: Duration,
    pub max_rows: usize,
    pub max_bytes: usize,
}

impl Bounds {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            timeout: limits.call_timeout.0,
            transaction: limits.timeout.0,
            max_rows: limits.rows,
            max_bytes: limits.transfer.0,
        }
    }

    /// How components connect, so that the server itself ends a transaction that goes on for too long.
    pub(crate) fn guest(&self, options: PgConnectOptions) -> PgConnectOptions {
        let limit = milliseconds(self.transaction).max(1);
        options.options([("idle_in_transaction_session_timeout", limit.to_string())])
    }
}

/// A duration as the settings of the server have it, in 31 bits: at most 24 days. What is longer, the host ends by itself.
pub(super) fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
