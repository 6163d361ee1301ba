//! What a manifest says of the brokers.

use componentd_config::kinds as of;
use componentd_config::values::text;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

/// The Kafka brokers.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KafkaBackend {
    /// `host:port`, several with commas between. Without TLS and without a password.
    #[serde(deserialize_with = "brokers")]
    #[schemars(with = "of::Text")]
    pub brokers: String,
}

/// The text itself stays out of the message: a URL may hold a password.
fn brokers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    text(deserializer, "brokers in quotes, as in \"kafka-1:9092,kafka-2:9092\"", |text| {
        if text.contains("://") {
            return Err("is a URL: write host:port without `…://`, as in kafka:9092".to_owned());
        }
        if text.split(',').map(str::trim).all(is_broker) {
            return Ok(text.to_owned());
        }
        Err("must be brokers as host:port, as in kafka:9092, several with commas between".to_owned())
    })
}

/// Without a port it is Kafka's own.
fn is_broker(text: &str) -> bool {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, "9092"));
    !host.is_empty() && !host.contains(['/', '@', ' ']) && port.parse::<u16>().is_ok_and(|port| port != 0)
}
