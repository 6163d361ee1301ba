//! What both brokers must do for the host: take records from an idempotent producer, give them to a group, remember its
//! offset.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, StreamConsumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::time::{Interval, MissedTickBehavior};

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

/// Writes so many records of 1 KiB to the first partition of `orders`, a hundred at a time: how many were. Ten times as fast as the
/// store makes orders, which has each batch from Postgres.
pub async fn flood(brokers: String, count: i64) -> i64 {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("enable.idempotence", "true").set("message.timeout.ms", "60000");
    let producer: FutureProducer = config.create().unwrap();
    let payload = "x".repeat(1 << 10);
    let mut pace = pace(Duration::from_millis(5));
    for _ in 0..count / 100 {
        let record = || FutureRecord::to("orders").partition(0).key("1").payload(&payload);
        let sent: Vec<_> = (0..100).map(|_| producer.send_result(record()).unwrap()).collect();
        for sent in sent {
            sent.await.unwrap().unwrap();
        }
        pace.tick().await;
    }
    count
}

/// Ticks no more often than this, also after a delay.
pub fn pace(interval: Duration) -> Interval {
    let mut pace = tokio::time::interval(interval);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

/// The place of the group `slow` in the first partition of `orders`.
pub struct Reader(BaseConsumer);

impl Reader {
    pub fn new(brokers: &str) -> Self {
        let mut config = ClientConfig::new();
        Self(config.set("bootstrap.servers", brokers).set("group.id", "slow").create().unwrap())
    }

    pub fn watermarks(&self) -> (i64, i64) {
        self.0.fetch_watermarks("orders", 0, Duration::from_secs(30)).unwrap()
    }

    pub fn commit(&self, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset("orders", 0, Offset::Offset(offset)).unwrap();
        self.0.commit(&list, CommitMode::Sync).unwrap();
    }
}
