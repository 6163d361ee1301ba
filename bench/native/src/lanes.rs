//! A consumer whose partitions are handled in parallel, each in order, at least once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use anyhow::Result;
use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::message::{Message as _, OwnedMessage};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::kafka::client_config;

/// Records of one partition in memory; where they are more, reading waits.
const LANE: usize = 1024;

/// The pause after an error of the consumer, which reconnects by itself.
const ERROR_BACKOFF: Duration = Duration::from_millis(500);

/// What handles records, of many partitions at once.
pub trait Settle: Send + Sync + 'static {
    /// Returns when the record was handled or is in the dead-letter topic.
    fn settle(&self, record: &OwnedMessage) -> impl Future<Output = ()> + Send;
}

/// The open lanes of a consumer, which rebalances close.
#[derive(Default)]
struct Lanes(Mutex<HashMap<i32, Lane>>);

struct Lane {
    records: mpsc::Sender<OwnedMessage>,
    task: JoinHandle<()>,
}

/// Reads and handles records until the process ends. An offset is stored, and so committed, when its record is settled.
///
/// # Errors
/// librdkafka refuses the configuration.
pub async fn consume(brokers: &str, topic: &str, group: &str, handler: Arc<impl Settle>) -> Result<()> {
    let mut config = client_config(brokers);
    config
        .set("group.id", group)
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", "200")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "2000")
        .set("queued.max.messages.kbytes", "8192");
    let consumer: Arc<StreamConsumer<Lanes>> = Arc::new(config.create_with_context(Lanes::default())?);
    consumer.subscribe(&[topic])?;
    loop {
        match consumer.recv().await {
            Ok(message) => {
                let lane = lane(&consumer, message.partition(), &handler);
                // Its receiver ends only with the lane, whose partition is another's then.
                let _ = lane.send(message.detach()).await;
            }
            Err(error) => {
                eprintln!("consumer waits: {error}");
                tokio::time::sleep(ERROR_BACKOFF).await;
            }
        }
    }
}

/// The queue of a partition, whose task is made with its first record.
fn lane(
    consumer: &Arc<StreamConsumer<Lanes>>,
    partition: i32,
    handler: &Arc<impl Settle>,
) -> mpsc::Sender<OwnedMessage> {
    let mut open = consumer.context().open();
    let lane = open.entry(partition).or_insert_with(|| {
        let (records, queue) = mpsc::channel(LANE);
        Lane { records, task: tokio::spawn(run_lane(consumer.clone(), handler.clone(), queue)) }
    });
    lane.records.clone()
}

async fn run_lane(
    consumer: Arc<StreamConsumer<Lanes>>,
    handler: Arc<impl Settle>,
    mut queue: mpsc::Receiver<OwnedMessage>,
) {
    while let Some(record) = queue.recv().await {
        handler.settle(&record).await;
        if let Err(error) = consumer.store_offset(record.topic(), record.partition(), record.offset()) {
            eprintln!("store offset: {error}");
        }
    }
}

impl Lanes {
    fn open(&self) -> MutexGuard<'_, HashMap<i32, Lane>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Lanes {}

impl ConsumerContext for Lanes {
    /// What is queued or in flight there has no stored offset and comes again, to the partition's next owner.
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Revoke(revoked) = rebalance else { return };
        let mut open = self.open();
        for lane in revoked.elements().iter().filter_map(|element| open.remove(&element.partition())) {
            lane.task.abort();
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        static READY: Once = Once::new();
        if matches!(rebalance, Rebalance::Assign(_)) {
            READY.call_once(|| println!("ready"));
        }
    }
}
