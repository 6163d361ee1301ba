//! What both brokers must do for the host: take records from an idempotent producer, give them to a group, remember its
//! offset.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};

/// Writes `payload` to `orders`, acknowledged.
pub async fn produce(brokers: &str, payload: &str) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("enable.idempotence", "true").set("acks", "all");
    let producer: FutureProducer = config.create().unwrap();
    let record = FutureRecord::to("orders").key("1").payload(payload);
    producer.send(record, Duration::from_secs(30)).await.unwrap();
}

/// Reads the next record of the group and commits it.
pub async fn consume(brokers: &str) -> String {
    let consumer = consumer(brokers);
    let payload = next(&consumer).await;
    tokio::task::spawn_blocking(move || drop(consumer)).await.unwrap();
    payload
}

/// Both brokers keep the place of a member that died for as long as its session lasts, and the embedded one even that of
/// a member that left; its first rebalance takes 3 s, which the session must outlast.
fn consumer(brokers: &str) -> StreamConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", "test").set("auto.offset.reset", "earliest");
    config.set("session.timeout.ms", "6000").set("heartbeat.interval.ms", "1000");
    let consumer: StreamConsumer = config.set("enable.auto.commit", "false").create().unwrap();
    consumer.subscribe(&["orders"]).unwrap();
    consumer
}

async fn next(consumer: &StreamConsumer) -> String {
    let received = tokio::time::timeout(Duration::from_secs(30), consumer.recv()).await;
    let record = received.expect("a record within 30 s").unwrap();
    consumer.commit_message(&record, CommitMode::Sync).unwrap();
    String::from_utf8(record.payload().unwrap().to_vec()).unwrap()
}
