//! Waiting for something to happen, without guessing how long it takes.

use std::time::{Duration, Instant};

/// Far more than anything here takes on a slow and busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(20);

/// Asks again and again until there is an answer.
///
/// # Panics
/// There is none for longer than [`PATIENCE`]; `what` says what was waited for.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "still not so after {PATIENCE:?}: {what}");
        tokio::time::sleep(POLL).await;
    }
}
