//! The topics that a manifest names, and which of them the brokers do not have.

use std::time::Duration;

use rdkafka::error::KafkaError;

use crate::capability::kafka::Producer;
use crate::config::{Manifest, Place, Trigger};

/// A topic, and where the manifest names it first.
#[derive(Clone, Debug)]
pub struct Named {
    pub topic: String,
    /// None where only the service is at hand, and not its manifest.
    pub place: Option<Place>,
}

impl From<String> for Named {
    fn from(topic: String) -> Self {
        Self { topic, place: None }
    }
}

impl Named {
    /// What mends it where the brokers do not know it. The host makes no topics.
    pub fn mend(&self) -> String {
        format!("create it (kafka-topics.sh --create --topic {}), or correct the name", self.topic)
    }
}

/// Every topic that the manifest names, each once.
pub fn named(manifest: &Manifest) -> Vec<Named> {
    let mut named: Vec<Named> = Vec::new();
    let mut add = |topic: &str, key: &[&str]| {
        if !named.iter().any(|named| named.topic == topic) {
            named.push(Named { topic: topic.to_owned(), place: Some(manifest.source.place(key)) });
        }
    };
    for (name, service) in &manifest.services {
        if let Trigger::Kafka(trigger) = service.trigger() {
            add(&trigger.topic, &["services", name, "kafka", "topic"]);
            add(&trigger.dead_letter, &["services", name, "kafka", "dead-letter"]);
        }
        for (index, topic) in service.grants.kafka.iter().flat_map(|grant| &grant.produce).enumerate() {
            add(topic, &["services", name, "grants", "kafka", "produce", &index.to_string()]);
        }
    }
    named
}

/// A line for each that the brokers do not know. Blocks.
///
/// # Errors
/// No broker answers within `timeout`.
pub fn missing(named: &[Named], producer: &Producer, timeout: Duration) -> Result<Vec<String>, KafkaError> {
    let there = producer.topics(timeout)?;
    let missing = named.iter().filter(|named| !there.contains_key(&named.topic));
    let line = |named: &Named| {
        let place = named.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        format!("{place}Kafka does not know the topic {:?}: {}", named.topic, named.mend())
    };
    Ok(missing.map(line).collect())
}
