//! How far the group had got, again and again: an offset that moved past a record too early is seen though all ends well.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::topic;

/// What `notifications` consumes, and as whom.
pub const TOPIC: &str = "orders";
pub const GROUP: &str = "notifications";
pub const DEAD_LETTERS: &str = "orders.dead-letter";

const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The committed offset of each partition, at some time before `at`.
#[derive(Clone, Debug)]
pub struct Sample {
    pub at: SystemTime,
    pub committed: Vec<i64>,
}

/// All that were taken.
#[derive(Debug, Default)]
pub struct Samples(Mutex<Vec<Sample>>);

impl Samples {
    /// Looks for ever; where Kafka is away there is nothing to see.
    pub async fn watch(&self, brokers: &str) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Some(committed) = committed(brokers.to_owned()).await {
                let sample = Sample { at: SystemTime::now(), committed };
                self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
            }
        }
    }

    /// All of them.
    pub fn all(&self) -> Vec<Sample> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn committed(brokers: String) -> Option<Vec<i64>> {
    let look = move || topic::progress(&brokers, TOPIC, GROUP);
    let progress = tokio::task::spawn_blocking(look).await.ok()?.ok()?;
    Some(progress.into_iter().map(|(committed, _)| committed).collect())
}
