//! What a manifest grants of Kafka.

use schemars::JsonSchema;
use serde::Deserialize;

/// Topics of Kafka.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KafkaGrant {
    /// Topics that records may be sent to, directly or with a transaction.
    pub produce: Vec<String>,
}
