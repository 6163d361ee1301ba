//! What producers and consumers have in common.

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::FutureProducer;

pub fn client_config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("client.id", "native");
    // Up to ten seconds by default; a broker that is back should not have to wait for us.
    config.set("reconnect.backoff.max.ms", "1000");
    config
}

/// A producer that keeps the order of each partition through retries; a record fails after `timeout_ms`, at "0" never.
///
/// # Errors
/// librdkafka refuses the configuration.
pub fn producer(brokers: &str, timeout_ms: &str) -> Result<FutureProducer, KafkaError> {
    let mut config = client_config(brokers);
    config.set("enable.idempotence", "true").set("linger.ms", "0").set("message.timeout.ms", timeout_ms);
    config.create()
}
