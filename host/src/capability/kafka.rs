//! Kafka: records to the topics that a service is granted, as `componentd:kafka/producer`.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use wasmtime::component::{HasData, Linker};

use crate::bindings::componentd::kafka::producer as wit;
use crate::bindings::componentd::kafka::types::OutgoingRecord;
use crate::capability::away::BackendAway;
use crate::config;
use crate::state::State;

/// The librdkafka client behind consumers and producers alike, with its own log lines in ours.
pub fn client_config(backend: &config::KafkaBackend) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &backend.brokers).set("client.id", "componentd");
    // Up to ten seconds by default; a broker that is back should not have to wait for us.
    config.set("reconnect.backoff.max.ms", "1000");
    config
}

/// The producer that all services share.
#[derive(Clone)]
pub struct Producer(FutureProducer);

impl Producer {
    /// A producer that connects in the background.
    ///
    /// # Errors
    /// librdkafka refuses the configuration.
    pub fn new(backend: &config::KafkaBackend) -> Result<Self, KafkaError> {
        let mut config = client_config(backend);
        // Idempotence implies acks=all and keeps the order of each partition through retries.
        config.set("enable.idempotence", "true").set("linger.ms", "0").set("message.timeout.ms", "10000");
        config.create().map(Self)
    }

    /// The topics that the brokers have and show us, with how many partitions each has. Blocks.
    ///
    /// All of them are asked for: brokers that make topics make those that are asked for by name.
    ///
    /// # Errors
    /// No broker answers within `timeout`.
    pub fn topics(&self, timeout: Duration) -> Result<BTreeMap<String, usize>, KafkaError> {
        let metadata = self.0.client().fetch_metadata(None, timeout)?;
        let topics = metadata.topics().iter().filter(|topic| !topic.partitions().is_empty());
        Ok(topics.map(|topic| (topic.name().to_owned(), topic.partitions().len())).collect())
    }

    /// Sends a record and waits until all in-sync replicas have it.
    ///
    /// # Errors
    /// As the interface says; after `unavailable` it may still arrive.
    pub async fn send(&self, record: OutgoingRecord, timeout: Duration) -> Result<wit::Delivery, wit::Error> {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for header in &record.headers {
            headers = headers.insert(Header { key: &header.name, value: Some(&header.value) });
        }
        let mut message = FutureRecord::to(&record.topic).headers(headers);
        message.key = record.key.as_deref();
        message.payload = record.payload.as_deref();
        match tokio::time::timeout(timeout, self.0.send(message, timeout)).await {
            Ok(Ok(delivery)) => Ok(wit::Delivery { partition: delivery.partition, offset: delivery.offset }),
            Ok(Err((e, _))) => Err(error(&e)),
            Err(_) => {
                Err(wit::Error::Unavailable(format!("no acknowledgement within {timeout:?} (limits.call-timeout)")))
            }
        }
    }
}

/// What one service may do with Kafka.
pub struct View<'a> {
    pub producer: Option<&'a Producer>,
    pub grant: Option<&'a config::KafkaGrant>,
    pub limits: &'a config::Limits,
    pub away: &'a BackendAway,
}

/// Ties [`View`] to the linker.
struct HasKafka;

impl HasData for HasKafka {
    type Data<'a> = View<'a>;
}

/// Offers the interface to components.
///
/// # Errors
/// It is offered already.
pub fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    crate::bindings::componentd::kafka::types::add_to_linker::<State, HasKafka>(linker, State::kafka)?;
    wit::add_to_linker::<State, HasKafka>(linker, State::kafka)
}

impl crate::bindings::componentd::kafka::types::Host for View<'_> {}

impl wit::Host for View<'_> {
    async fn send(&mut self, record: OutgoingRecord) -> wasmtime::Result<Result<wit::Delivery, wit::Error>> {
        match self.permitted(&record) {
            Ok(producer) => {
                let sent = producer.send(record, self.limits.call_timeout.0).await;
                if matches!(sent, Err(wit::Error::Unavailable(_))) {
                    self.away.note();
                }
                Ok(sent)
            }
            Err(error) => Ok(Err(error)),
        }
    }
}

impl View<'_> {
    fn permitted(&self, record: &OutgoingRecord) -> Result<&Producer, wit::Error> {
        let granted = |grant: &config::KafkaGrant| grant.produce.contains(&record.topic);
        match self.producer {
            Some(producer) if self.grant.is_some_and(granted) => Ok(producer),
            _ => Err(wit::Error::Denied(format!("`grants.kafka.produce` does not name the topic {:?}", record.topic))),
        }
    }
}

fn error(error: &KafkaError) -> wit::Error {
    let text = error.to_string();
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) => {
            wit::Error::UnknownTopic(text)
        }
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => wit::Error::TooLarge(text),
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::InvalidTopic
            | RDKafkaErrorCode::InvalidMessage
            | RDKafkaErrorCode::PolicyViolation,
        ) => wit::Error::Refused(text),
        _ => wit::Error::Unavailable(text),
    }
}
