//! The topics that a manifest names, and which of them the brokers do not have.

use std::time::Duration;

use componentd_config::{Manifest, Place, Trigger};

use super::{KafkaGrant, NAME};
use crate::brokers::Producer;

/// A topic, and where the manifest names it first.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its name.
    pub topic: String,
    /// Where the manifest names it.
    pub place: Place,
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
            named.push(Named { topic: topic.to_owned(), place: manifest.source.place(key) });
        }
    };
    for (name, service) in &manifest.services {
        if let Trigger::Kafka(trigger) = service.trigger() {
            add(&trigger.topic, &["services", name, "kafka", "topic"]);
            add(&trigger.dead_letter, &["services", name, "kafka", "dead-letter"]);
        }
        let grant = manifest.grant(name, NAME).and_then(|section| section.read::<KafkaGrant>().ok());
        for (index, topic) in grant.iter().flat_map(|grant| &grant.produce).enumerate() {
            add(topic, &["services", name, "grants", "kafka", "produce", &index.to_string()]);
        }
    }
    named
}

/// A line for each that the brokers do not know, or for the brokers if they do not answer within `timeout`. Blocks.
pub(crate) fn missing(named: &[Named], producer: &Producer, timeout: Duration) -> Vec<String> {
    let there = match producer.topics(timeout) {
        Ok(there) => there,
        Err(e) => {
            return vec![format!("Kafka does not answer: {e}; start it, or correct `brokers` under [backends.kafka]")];
        }
    };
    let missing = named.iter().filter(|named| !there.contains_key(&named.topic));
    let line = |named: &Named| {
        // Where only services are at hand, and no manifest, there is no place in it.
        let place = if named.place.is_known() { format!("{}: ", named.place) } else { String::new() };
        format!("{place}Kafka does not know the topic {:?}: {}", named.topic, named.mend())
    };
    missing.map(line).collect()
}
