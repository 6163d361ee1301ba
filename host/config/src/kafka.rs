//! The trigger of a service that handles a topic.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kinds as of;
use super::values::{Duration, nonempty};

/// The component handles the records of a topic, as a member of a consumer group.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KafkaTrigger {
    /// The topic.
    #[serde(deserialize_with = "nonempty")]
    #[schemars(with = "of::Text")]
    pub topic: String,
    /// The consumer group, one for each service. A new one begins with the oldest record.
    #[serde(deserialize_with = "nonempty")]
    #[schemars(with = "of::Text")]
    pub group: String,
    /// The topic for records that were rejected, or failed at their last attempt.
    #[serde(deserialize_with = "nonempty")]
    #[schemars(with = "of::Text")]
    pub dead_letter: String,
    /// How often a record is handed over before it goes there, at least once. A failure while Postgres, Redis, Kafka or a
    /// server asked over HTTP was away does not count.
    #[serde(default = "KafkaTrigger::attempts")]
    #[schemars(range(min = 1))]
    pub attempts: u32,
    /// The wait before the second attempt; it doubles each time.
    #[serde(default = "KafkaTrigger::backoff")]
    pub backoff: Duration,
    /// The longest wait between two attempts. Later records of the partition wait as well.
    #[serde(default = "KafkaTrigger::max_backoff")]
    pub max_backoff: Duration,
    /// What becomes of a partition whose records the broker has deleted, or lost, before they were handled.
    #[serde(default)]
    pub on_lost_records: OnLostRecords,
}

impl KafkaTrigger {
    fn attempts() -> u32 {
        5
    }

    fn backoff() -> Duration {
        Duration(std::time::Duration::from_millis(200))
    }

    /// Later records of the partition wait behind this one.
    fn max_backoff() -> Duration {
        Duration(std::time::Duration::from_secs(30))
    }
}

/// What becomes of a partition, when records of it are gone before they were handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnLostRecords {
    /// It is held, and nothing of it is handled or committed, until this says `continue`. Other partitions and services go
    /// on; `/readyz` says what is missing.
    #[default]
    Stop,
    /// It goes on with the earliest record that is there. What is gone is counted, and an error in the log.
    Continue,
}
