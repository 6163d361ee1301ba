//! Kafka as the host itself uses it: records, the client's configuration, and the producer. No interface of components is
//! here.

mod backend;
mod headers;
mod producer;
mod record;

use rdkafka::ClientConfig;

pub use self::backend::KafkaBackend;
pub use self::headers::{ReceivedHeader, headers, headers_of};
pub use self::producer::{Delivery, Producer, SendError};
pub use self::record::{Header, Outgoing, Record};

/// The largest record, with its headers, that is given to the brokers, which is what they take by default. Whether a topic
/// takes as much they say. librdkafka's own bound is lower: a record that was taken from a topic would fit into no other.
const LARGEST_RECORD: usize = 1 << 20;

/// The librdkafka client behind consumers and producers alike, with its own log lines in ours.
pub fn client_config(backend: &KafkaBackend) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &backend.brokers).set("client.id", "componentd");
    // Up to ten seconds by default; a broker that is back should not have to wait for us.
    config.set("reconnect.backoff.max.ms", "1000");
    config.set("message.max.bytes", LARGEST_RECORD.to_string());
    config
}
