//! What is in a topic, and how far a group has got in it. Everything here blocks.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message, OwnedMessage};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::Value;

const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// A record of the topic `orders`, or its copy among the dead letters.
#[derive(Clone, Debug)]
pub struct Event {
    pub partition: i32,
    pub offset: i64,
    /// The header `event-id`.
    pub id: Option<String>,
    pub payload: Value,
    /// `dead-letter-reason`, where it is one.
    pub reason: Option<String>,
}

impl Event {
    /// Which order it tells of.
    pub fn order_id(&self) -> Option<i64> {
        self.payload["order_id"].as_i64()
    }

    fn read(message: &OwnedMessage) -> Self {
        Self {
            partition: message.partition(),
            offset: message.offset(),
            id: header(message, "event-id"),
            payload: message.payload().and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default(),
            reason: header(message, "dead-letter-reason"),
        }
    }
}

/// Everything in a topic, from its beginning to its end of now.
///
/// # Errors
/// The brokers do not answer.
pub fn read(brokers: &str, topic: &str) -> Result<Vec<Event>> {
    let consumer = consumer(brokers, "chaos-account")?;
    let mut events = Vec::new();
    for partition in partitions(&consumer, topic)? {
        read_partition(&consumer, topic, partition, &mut events)?;
    }
    Ok(events)
}

fn read_partition(consumer: &BaseConsumer, topic: &str, partition: i32, events: &mut Vec<Event>) -> Result<()> {
    let (low, high) = consumer.fetch_watermarks(topic, partition, ANSWERS_WITHIN)?;
    let mut place = TopicPartitionList::new();
    place.add_partition_offset(topic, partition, Offset::Offset(low))?;
    consumer.assign(&place)?;
    let mut next = low;
    while next < high {
        let message = consumer.poll(ANSWERS_WITHIN).with_context(|| format!("{topic}/{partition} ends early"))??;
        next = message.offset() + 1;
        events.push(Event::read(&message.detach()));
    }
    Ok(())
}

/// For each partition what the group has committed (0 if nothing) and the end.
///
/// # Errors
/// The brokers do not answer.
pub fn progress(brokers: &str, topic: &str, group: &str) -> Result<Vec<(i64, i64)>> {
    let consumer = consumer(brokers, group)?;
    let committed = committed(&consumer, topic)?;
    let end = |partition| consumer.fetch_watermarks(topic, partition, ANSWERS_WITHIN).map(|(_, high)| high);
    committed.into_iter().map(|(partition, committed)| Ok((committed, end(partition)?))).collect()
}

/// The list of librdkafka must be gone before its consumer is: only numbers leave this function.
fn committed(consumer: &BaseConsumer, topic: &str) -> Result<Vec<(i32, i64)>> {
    let mut asked = TopicPartitionList::new();
    for partition in partitions(consumer, topic)? {
        asked.add_partition(topic, partition);
    }
    let answer = consumer.committed_offsets(asked, ANSWERS_WITHIN)?;
    let elements = answer.elements();
    let offset = |offset: Offset| offset.to_raw().unwrap_or_default().max(0);
    Ok(elements.iter().map(|element| (element.partition(), offset(element.offset()))).collect())
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> Result<Vec<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWERS_WITHIN)?;
    let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
    let mut partitions: Vec<i32> = partitions.map(|partition| partition.id()).collect();
    partitions.sort_unstable();
    if partitions.is_empty() {
        bail!("there is no topic {topic}");
    }
    Ok(partitions)
}

fn consumer(brokers: &str, group: &str) -> Result<BaseConsumer> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", group).set("log_level", "0");
    config.set("enable.auto.commit", "false");
    Ok(config.create()?)
}

fn header(message: &OwnedMessage, name: &str) -> Option<String> {
    let header = message.headers()?.iter().find(|header| header.key == name)?;
    Some(String::from_utf8_lossy(header.value?).into_owned())
}
