//! Kafka ingress: a consumer whose partitions are handled in parallel, each in order, at least once.
//!
//! Offsets are stored only after their record was handled or is in the dead-letter topic, and committed from there; so a
//! crash repeats records and skips none. A lane that fails to do either holds its partition back and tries again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Message as _, OwnedMessage};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::{ClientContext, Statistics};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::lane;
use crate::capability::kafka::{Producer, client_config};
use crate::config::{KafkaBackend, KafkaTrigger};
use crate::metrics::{Metrics, PartitionLabels};
use crate::registry::Service;

/// Bytes of one partition's records in memory, from which on its fetching pauses; it goes on below half of that.
const LANE_FULL: usize = 4 << 20;

/// What a record takes in memory beside its key and payload, so that empty ones count too.
const RECORD_OVERHEAD: usize = 1 << 10;

/// How often the lag is measured.
const LAG_INTERVAL_MS: &str = "2000";

/// How often handled offsets are committed; a crash repeats at most the records of this time, plus those in flight.
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);

/// The pause after an error of the consumer, which reconnects by itself.
const ERROR_BACKOFF: Duration = Duration::from_millis(500);

/// How often a consumer that leaves tries to commit; what it cannot commit is handled again by others.
const LAST_COMMIT_TRIES: usize = 6;

type LaneConsumer = StreamConsumer<Lanes>;

/// A service's consumer group member.
pub struct Consumer {
    consumer: Arc<LaneConsumer>,
    handling: Arc<lane::Handling>,
}

impl Consumer {
    /// Subscribes; the group is joined when [`run`](Self::run) polls.
    ///
    /// # Errors
    /// librdkafka refuses the configuration or the topic.
    pub fn new(
        backend: &KafkaBackend,
        trigger: &KafkaTrigger,
        service: Arc<Service>,
        producer: Producer,
        metrics: Arc<Metrics>,
    ) -> Result<Self, KafkaError> {
        let mut config = client_config(backend);
        config
            .set("group.id", &trigger.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // A group that is new starts with what is in the topic: orders before the first start get their mail.
            .set("auto.offset.reset", "earliest")
            .set("partition.assignment.strategy", "cooperative-sticky")
            // A crashed host's partitions go to another one after this time; brokers allow no shorter one by default.
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "2000")
            .set("queued.max.messages.kbytes", "8192")
            .set("statistics.interval.ms", LAG_INTERVAL_MS);
        let lanes = Lanes { open: Mutex::default(), service: service.clone(), metrics: metrics.clone() };
        let consumer: LaneConsumer = config.create_with_context(lanes)?;
        consumer.subscribe(&[&trigger.topic])?;
        let handling = Arc::new(lane::Handling { service, trigger: trigger.clone(), producer, metrics });
        Ok(Self { consumer: Arc::new(consumer), handling })
    }

    /// Reads and handles records until `stop`, then ends what is in flight, commits and leaves the group.
    pub async fn run(self, stop: CancellationToken) {
        let mut commits = tokio::time::interval(COMMIT_INTERVAL);
        let mut failing = false;
        loop {
            tokio::select! {
                read = self.consumer.recv() => match read {
                    Ok(message) => {
                        failing = false;
                        self.hand_over(message.detach());
                    }
                    Err(error) => self.wait_after(&error, &mut failing).await,
                },
                _ = commits.tick() => self.commit(),
                () = stop.cancelled() => break,
            }
        }
        self.finish().await;
    }

    /// Puts the record into its partition's lane, and pauses the partition when the lane is full.
    fn hand_over(&self, message: OwnedMessage) {
        let mut open = self.consumer.context().open();
        let key = (message.topic().to_owned(), message.partition());
        let lane = open.entry(key).or_insert_with(|| self.open_lane(&message));
        let size = size_of_record(&message);
        let queued = lane.queued.fetch_add(size, Ordering::Relaxed) + size;
        if queued >= LANE_FULL {
            warn_on_error(self.consumer.pause(&partition_list(message.topic(), message.partition())), "pause");
        }
        // The receiver ends only with the lane, which is then no longer in the map.
        let _ = lane.records.send(message);
    }

    fn open_lane(&self, first: &OwnedMessage) -> Lane {
        let (records, queue) = mpsc::unbounded_channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let finish = CancellationToken::new();
        let partition = Partition {
            consumer: self.consumer.clone(),
            topic: first.topic().to_owned(),
            partition: first.partition(),
            queued: queued.clone(),
        };
        let task = tokio::spawn(run_lane(self.handling.clone(), partition, queue, finish.clone()));
        Lane { records, queued, finish, task }
    }

    /// One line when it begins, however long it takes.
    async fn wait_after(&self, error: &KafkaError, failing: &mut bool) {
        if !std::mem::replace(failing, true) {
            warn!(service = self.handling.service.name, %error, "consumer waits");
        }
        tokio::time::sleep(ERROR_BACKOFF).await;
    }

    fn commit(&self) {
        match self.consumer.commit_consumer_state(CommitMode::Async) {
            Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            Err(error) => warn!(service = self.handling.service.name, %error, "commit"),
        }
    }

    /// Lanes end with the record that they are at. Dropping a consumer blocks, and so has a thread of its own.
    async fn finish(self) {
        let open: Vec<Lane> = self.consumer.context().open().drain().map(|(_, lane)| lane).collect();
        for lane in &open {
            lane.finish.cancel();
        }
        for lane in open {
            let _ = lane.task.await;
        }
        self.commit_at_last().await;
        tokio::task::spawn_blocking(move || drop(self)).await.expect("leaving the group does not panic");
    }

    /// The group takes no commit while it rebalances, which goes on only while its members poll.
    async fn commit_at_last(&self) {
        for _ in 0..LAST_COMMIT_TRIES {
            let consumer = self.consumer.clone();
            let commit = move || consumer.commit_consumer_state(CommitMode::Sync);
            match tokio::task::spawn_blocking(commit).await.expect("a commit does not panic") {
                Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => return,
                Err(error) => warn!(service = self.handling.service.name, %error, "commit before leaving the group"),
            }
            // Its lane is gone: a record that comes now is left to the partition's next owner.
            let _ = tokio::time::timeout(ERROR_BACKOFF, self.consumer.recv()).await;
        }
    }
}

/// The queue and the task of one partition.
struct Lane {
    records: mpsc::UnboundedSender<OwnedMessage>,
    /// Bytes, with the record in hand.
    queued: Arc<AtomicUsize>,
    finish: CancellationToken,
    task: JoinHandle<()>,
}

/// The open lanes of a consumer, which rebalances close.
pub struct Lanes {
    open: Mutex<HashMap<(String, i32), Lane>>,
    service: Arc<Service>,
    metrics: Arc<Metrics>,
}

impl Lanes {
    fn open(&self) -> MutexGuard<'_, HashMap<(String, i32), Lane>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is queued or in flight there has no stored offset and comes again, to the partition's next owner.
    fn close(&self, revoked: &TopicPartitionList) {
        let mut open = self.open();
        for element in revoked.elements() {
            if let Some(lane) = open.remove(&(element.topic().to_owned(), element.partition())) {
                lane.task.abort();
            }
        }
    }
}

impl ClientContext for Lanes {
    fn stats(&self, statistics: Statistics) {
        for (topic, measured) in statistics.topics {
            for (partition, measured) in measured.partitions {
                let labels = PartitionLabels { service: self.service.name.clone(), topic: topic.clone(), partition };
                // Where nothing was ever handled, everything lags; -1 is what librdkafka does not know.
                let handled_up_to = measured.stored_offset.max(measured.committed_offset).max(measured.lo_offset);
                match measured.hi_offset - handled_up_to {
                    lag @ 0.. if handled_up_to >= 0 => self.metrics.lag(&labels, lag),
                    _ => self.metrics.no_lag(&labels),
                }
            }
        }
    }
}

impl ConsumerContext for Lanes {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Revoke(revoked) = rebalance else { return };
        self.close(revoked);
        // What was handled is committed before the partition goes; what is not, its next owner handles again.
        match consumer.commit_consumer_state(CommitMode::Sync) {
            Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            Err(error) => warn!(service = self.service.name, %error, "commit before the partitions go"),
        }
        info!(service = self.service.name, partitions = revoked.count(), "partitions revoked");
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(assigned) = rebalance {
            self.service.set_ready(true);
            info!(service = self.service.name, partitions = assigned.count(), "partitions assigned");
        }
    }
}

/// A partition, as its lane sees it.
struct Partition {
    consumer: Arc<LaneConsumer>,
    topic: String,
    partition: i32,
    queued: Arc<AtomicUsize>,
}

impl Partition {
    /// Marks the record as done; a later commit takes it from there.
    fn done(&self, message: &OwnedMessage) {
        let stored = self.consumer.store_offset(&self.topic, self.partition, message.offset());
        warn_on_error(stored, "store offset");
        let size = size_of_record(message);
        let before = self.queued.fetch_sub(size, Ordering::Relaxed);
        if before >= LANE_FULL / 2 && before - size < LANE_FULL / 2 {
            warn_on_error(self.consumer.resume(&partition_list(&self.topic, self.partition)), "resume");
        }
    }
}

fn size_of_record(message: &OwnedMessage) -> usize {
    RECORD_OVERHEAD + message.key().map_or(0, <[u8]>::len) + message.payload().map_or(0, <[u8]>::len)
}

/// Handles the records of one partition one after the other.
async fn run_lane(
    handling: Arc<lane::Handling>,
    partition: Partition,
    mut records: mpsc::UnboundedReceiver<OwnedMessage>,
    finish: CancellationToken,
) {
    while !finish.is_cancelled() {
        let message = tokio::select! {
            message = records.recv() => message,
            () = finish.cancelled() => None,
        };
        let Some(message) = message else { return };
        match handling.handle(&message, &finish).await {
            lane::Done::Settled => partition.done(&message),
            lane::Done::GivenUp => return,
        }
    }
}

fn partition_list(topic: &str, partition: i32) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, partition);
    list
}

/// For calls that fail only where the partition has just been taken away, which a rebalance then settles.
fn warn_on_error(result: Result<(), KafkaError>, call: &str) {
    if let Err(error) = result {
        warn!(%error, call, "consumer");
    }
}
