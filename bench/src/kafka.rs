//! A topic of order events that wait for a consumer.

use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

/// As many as are consumed at the same time.
pub const PARTITIONS: i32 = 4;
const SENT_WITHIN: Duration = Duration::from_secs(60);

/// Makes the topic and that of its dead letters, and sends `count` orders, the same number to each partition.
///
/// # Errors
/// The broker refuses.
pub async fn fill(brokers: &str, topic: &str, count: usize, users: usize) -> Result<()> {
    create(brokers, topic).await?;
    let (brokers, topic) = (brokers.to_owned(), topic.to_owned());
    tokio::task::spawn_blocking(move || send(&brokers, &topic, count, users)).await?
}

/// The topic of a consumer's dead letters.
pub fn dead_letters(topic: &str) -> String {
    format!("{topic}.dead-letter")
}

async fn create(brokers: &str, topic: &str) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = config(brokers).create()?;
    let dead = dead_letters(topic);
    let one = || TopicReplication::Fixed(1);
    let topics = [NewTopic::new(topic, PARTITIONS, one()), NewTopic::new(&dead, 1, one())];
    for made in admin.create_topics(&topics, &AdminOptions::new()).await? {
        made.map_err(|(name, code)| anyhow::anyhow!("the broker does not make the topic {name}: {code}"))?;
    }
    Ok(())
}

fn send(brokers: &str, topic: &str, count: usize, users: usize) -> Result<()> {
    let producer: BaseProducer = config(brokers).set("queue.buffering.max.messages", "1000000").create()?;
    for order in 1..=count {
        let (payload, key) = (event(topic, order, users), order.to_string());
        let partition = i32::try_from(order).unwrap_or_default() % PARTITIONS;
        let record = BaseRecord::to(topic).partition(partition).key(&key).payload(&payload);
        producer.send(record).map_err(|(error, _)| error)?;
    }
    producer.flush(SENT_WITHIN).context("the broker does not take the events")
}

/// As `orders` publishes it.
fn event(topic: &str, order: usize, users: usize) -> String {
    // Unique, and in the form of a UUID of version 4; the topic is new for each sample.
    let word: u32 = topic.bytes().fold(7, |word: u32, byte| word.wrapping_mul(31).wrapping_add(byte.into()));
    let (id, user) = (format!("{word:08x}-0000-4000-8000-{order:012x}"), order % users + 1);
    format!(
        r#"{{"event_id":"{id}","order_id":{order},"user_id":{user},"items":["Apple","Banana"],"total_amount":"2.98","status":"pending","created_at":"2026-11-22T10:15:30.5Z"}}"#
    )
}

fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("client.id", "bench");
    config
}
