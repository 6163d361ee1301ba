//! Kafka as the host itself uses it: records, the client's configuration, and the producer. No interface of components is
//! here.

mod backend;
mod producer;
mod record;

use rdkafka::ClientConfig;

pub use self::backend::KafkaBackend;
pub use self::producer::{Delivery, Producer, SendError};
pub use self::record::{Header, Record, headers};

/// The librdkafka client behind consumers and producers alike, with its own log lines in ours.
pub fn client_config(backend: &KafkaBackend) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &backend.brokers).set("client.id", "componentd");
    // Up to ten seconds by default; a broker that is back should not have to wait for us.
    config.set("reconnect.backoff.max.ms", "1000");
    config
}
