//! Kafka: whether the brokers answer, know the topics, and let the groups of the consumers in.

use std::collections::BTreeMap;

use componentd_capability_kafka::brokers::{KafkaBackend, Producer, client_config};
use componentd_capability_kafka::{self as kafka, Named};
use componentd_config::{KafkaTrigger, Manifest, Trigger};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::PATIENCE;
use super::finding::Finding;

const CORRECT: &str = "start the brokers, or correct `brokers` under [backends.kafka]";

/// The client's threads block, so one of ours does as well.
pub(super) async fn look(manifest: &Manifest) -> Vec<Finding> {
    let Some(backend) = manifest.backend(kafka::NAME).and_then(|section| section.read().ok()) else {
        return Vec::new();
    };
    let manifest = manifest.clone();
    tokio::task::spawn_blocking(move || look_at(&manifest, &backend)).await.expect("looking does not panic")
}

fn look_at(manifest: &Manifest, backend: &KafkaBackend) -> Vec<Finding> {
    let place = manifest.source.place(&["backends", "kafka", "brokers"]);
    let there = match Producer::new(backend).and_then(|producer| producer.topics(PATIENCE)) {
        Ok(there) => there,
        Err(error) => return vec![Finding::wrong("kafka", &place, error.to_string(), CORRECT)],
    };
    let mut findings = vec![Finding::well("kafka", &place, format!("answers at {}", backend.brokers))];
    findings.extend(kafka::named(manifest).iter().map(|named| topic(named, &there)));
    for (service, spec) in &manifest.services {
        let Trigger::Kafka(trigger) = spec.trigger() else { continue };
        let Some(partitions) = there.get(&trigger.topic) else { continue };
        findings.push(group(manifest, backend, service, trigger, *partitions));
    }
    findings
}

fn topic(named: &Named, there: &BTreeMap<String, usize>) -> Finding {
    let about = format!("topic {}", named.topic);
    let place = &named.place;
    match there.get(&named.topic) {
        Some(partitions) => Finding::well(about, place, format!("{partitions} partitions")),
        None => Finding::wrong(about, place, "the brokers do not know it", named.mend()),
    }
}

/// What a group has committed, only its coordinator knows.
fn group(
    manifest: &Manifest,
    backend: &KafkaBackend,
    service: &str,
    trigger: &KafkaTrigger,
    partitions: usize,
) -> Finding {
    let about = format!("group {}", trigger.group);
    let place = manifest.source.place(&["services", service, "kafka", "group"]);
    match committed(backend, trigger, partitions) {
        Ok(committed) => {
            Finding::well(about, &place, format!("has committed in {committed} of {partitions} partitions"))
        }
        Err(error) => {
            let mend = "see the log of the brokers, and what they let this host do with the group";
            Finding::wrong(about, &place, error.to_string(), mend)
        }
    }
}

fn committed(backend: &KafkaBackend, trigger: &KafkaTrigger, partitions: usize) -> Result<usize, KafkaError> {
    let consumer: BaseConsumer = client_config(backend).set("group.id", &trigger.group).create()?;
    let mut asked = TopicPartitionList::new();
    for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
        asked.add_partition(&trigger.topic, partition);
    }
    let committed = consumer.committed_offsets(asked, PATIENCE)?;
    let is_offset = |offset: Option<i64>| offset.is_some_and(|offset| offset >= 0);
    Ok(committed.elements().iter().filter(|element| is_offset(element.offset().to_raw())).count())
}
