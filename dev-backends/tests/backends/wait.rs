//! Waiting for something to happen, without guessing how long it takes.

use std::time::{Duration, Instant};

/// Far more than it takes on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(20);

/// Looks again and again until it is so.
///
/// # Panics
/// It is not for longer than [`PATIENCE`].
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "still not so after {PATIENCE:?}: {what}");
        std::thread::sleep(POLL);
    }
}
