//! Waits until a server answers.

use std::time::{Duration, Instant};

use crate::error::Result;
use crate::process::Process;

/// Recovering a large write-ahead log, or a JVM on a busy machine, takes its time.
const DEADLINE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(25);

/// Asks `answers` again and again; an error if the process ends first or the time is up.
pub async fn until(process: &mut Process, answers: impl AsyncFn() -> bool) -> Result<()> {
    let deadline = Instant::now() + DEADLINE;
    while !answers().await {
        if let Some(status) = process.ended() {
            return Err(process.not_ready(format!("it ended ({status})")));
        }
        if Instant::now() > deadline {
            return Err(process.not_ready(format!("no answer within {} s", DEADLINE.as_secs())));
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}
