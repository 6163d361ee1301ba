//! Watches how the invocations of a version end: of a canary, and of one that has just gone live.

use std::time::Duration;

use componentd_config as config;
use componentd_core::deployment::Outcomes;

/// Fewer failures than this are an accident, whatever their share.
const MIN_FAILURES: u64 = 3;

/// More of a version's invocations failed than the manifest allows.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{failed} of {total} invocations failed, more than {allowed} of them")]
pub struct TooManyFailures {
    /// Invocations that failed.
    pub failed: u64,
    /// Invocations that ended.
    pub total: u64,
    /// The share that may fail: `swap.failure-rate`.
    pub allowed: f64,
}

/// Watches for so long, or so many invocations.
///
/// # Errors
/// Too many of them fail; said as soon as that is so.
pub async fn watch(
    outcomes: &Outcomes,
    swap: &config::Swap,
    duration: Duration,
    invocations: u64,
) -> Result<(), TooManyFailures> {
    let allowed = swap.failure_rate;
    let counted = async {
        loop {
            outcomes.changed().await;
            let (total, failed) = outcomes.counts();
            #[expect(clippy::cast_precision_loss, reason = "a share of counts far below 2^52")]
            if failed >= MIN_FAILURES && failed as f64 > allowed * total as f64 {
                return Err(TooManyFailures { failed, total, allowed });
            }
            if total >= invocations {
                return Ok(());
            }
        }
    };
    tokio::time::timeout(duration, counted).await.unwrap_or(Ok(()))
}
