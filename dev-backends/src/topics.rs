//! The topics of the store.

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::{Error, Result};

/// Name and number of partitions. Dead letters need no parallelism.
pub const TOPICS: &[(&str, i32)] = &[("orders", 3), ("orders.dead-letter", 1)];

/// Which of them is read by which group. Dead letters wait for somebody.
pub const READERS: &[(&str, &str)] = &[("orders", "notifications")];

/// Creates what is missing of [`TOPICS`].
pub async fn create(brokers: &str) -> Result<()> {
    let client: AdminClient<DefaultClientContext> = admin(brokers).map_err(failed)?;
    let topics = TOPICS.iter().map(|(name, partitions)| NewTopic::new(name, *partitions, TopicReplication::Fixed(1)));
    let results =
        client.create_topics(topics.collect::<Vec<_>>().iter(), &AdminOptions::new()).await.map_err(failed)?;
    results.into_iter().try_for_each(|result| match result {
        Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => Ok(()),
        Err((_, code)) => Err(failed(KafkaError::AdminOp(code))),
    })
}

fn admin(brokers: &str) -> Result<AdminClient<DefaultClientContext>, KafkaError> {
    ClientConfig::new().set("bootstrap.servers", brokers).set("log_level", "0").create()
}

fn failed(source: KafkaError) -> Error {
    Error::Kafka { doing: "cannot create the topics", source }
}
