//! The producer that sends single records, and waits for each.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};

use super::{KafkaBackend, Outgoing, Record, client_config};

/// The producer that all services share.
#[derive(Clone)]
pub struct Producer(FutureProducer);

impl Producer {
    /// A producer that connects in the background.
    ///
    /// # Errors
    /// librdkafka refuses the configuration.
    pub fn new(backend: &KafkaBackend) -> Result<Self, KafkaError> {
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
    /// After [`SendError::Unavailable`] it may still arrive.
    pub async fn send(&self, record: &Record, timeout: Duration) -> Result<Delivery, SendError> {
        self.pass_on(record.outgoing(), timeout).await
    }

    /// The same with headers as they came.
    ///
    /// # Errors
    /// As [`Producer::send`].
    pub async fn pass_on(&self, record: Outgoing<'_>, timeout: Duration) -> Result<Delivery, SendError> {
        let mut message = FutureRecord::to(record.topic).headers(record.headers);
        (message.key, message.payload) = (record.key, record.payload);
        match tokio::time::timeout(timeout, self.0.send(message, timeout)).await {
            Ok(Ok(delivery)) => Ok(Delivery { partition: delivery.partition, offset: delivery.offset }),
            Ok(Err((e, _))) => Err(SendError::from(&e)),
            Err(_) => Err(SendError::Unavailable(format!("no acknowledgement within {timeout:?}"))),
        }
    }
}

/// Where a record is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Counted from 0.
    pub partition: i32,
    /// Counted from 0.
    pub offset: i64,
}

/// Why a record was not sent, in the words of the brokers or of their client.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No broker took it in time. It may still be delivered.
    #[error("{0}")]
    Unavailable(String),
    /// It is larger than the brokers or their client take.
    #[error("{0}")]
    TooLarge(String),
    /// The brokers have no such topic.
    #[error("{0}")]
    UnknownTopic(String),
    /// For another reason.
    #[error("{0}")]
    Refused(String),
}

impl From<&KafkaError> for SendError {
    fn from(error: &KafkaError) -> Self {
        let text = error.to_string();
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) => {
                Self::UnknownTopic(text)
            }
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => Self::TooLarge(text),
            Some(
                RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::InvalidTopic
                | RDKafkaErrorCode::InvalidMessage
                | RDKafkaErrorCode::PolicyViolation,
            ) => Self::Refused(text),
            _ => Self::Unavailable(text),
        }
    }
}
