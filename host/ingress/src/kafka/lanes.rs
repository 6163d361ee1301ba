//! The partitions that are assigned to a consumer: rebalances open and close them, records come in, answers of the brokers
//! decide how each goes on.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use componentd_config::{KafkaTrigger, OnLostRecords};
use componentd_core::metrics::{Metrics, PartitionLabels};
use componentd_core::registry::Service;
use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Message as _, OwnedMessage};
use rdkafka::topic_partition_list::TopicPartitionList;
use tokio::sync::Notify;
use tracing::{debug, error, info, warn};

use super::lane::{Lane, list, warn_on_error};
use super::look::{Answer, Key, Question};
use super::partition::{Judged, Partition, Taken};
use super::place::{Gap, Kept};
use super::retention::Change;
use super::{LaneConsumer, membership};
use crate::kafka::record::Handling;

/// The open partitions of a consumer.
pub(super) struct Lanes {
    open: Mutex<HashMap<Key, Partition>>,
    serial: AtomicU64,
    /// Told when the brokers must be asked at once.
    pub ask: Notify,
    /// Told when a task of the consumer has panicked.
    pub failed: Notify,
    service: Arc<Service>,
    metrics: Arc<Metrics>,
    trigger: KafkaTrigger,
}

impl Lanes {
    pub(super) fn new(service: Arc<Service>, metrics: Arc<Metrics>, trigger: &KafkaTrigger) -> Self {
        let (open, serial, ask, failed) = (Mutex::default(), AtomicU64::new(0), Notify::new(), Notify::new());
        Self { open, serial, ask, failed, service, metrics, trigger: trigger.clone() }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Key, Partition>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a record where it belongs, and pauses its partition where there is too much of it.
    pub(super) fn take(&self, consumer: &LaneConsumer, message: OwnedMessage) {
        let key = (message.topic().to_owned(), message.partition());
        let mut open = self.open();
        let partition = open.entry(key).or_insert_with_key(|key| self.assigned(key.clone()));
        if partition.is_again(&message) {
            return;
        }
        let is_full = partition.stock.buy(&message);
        let taken = partition.take(message);
        if is_full || taken == Taken::Refused {
            warn_on_error(consumer.pause(&list(&partition.key)), "pause");
        }
        // The lane may have made room before the pause, and will not say so again.
        if is_full && partition.stock.is_low() {
            warn_on_error(consumer.resume(&list(&partition.key)), "resume");
        }
        if taken == Taken::Waits {
            self.ask.notify_one();
        }
    }

    fn assigned(&self, key: Key) -> Partition {
        self.metrics.lost(&self.labels(&key), 0, 0);
        Partition::new(key, self.serial.fetch_add(1, Ordering::Relaxed))
    }

    /// What the brokers must be asked.
    pub(super) fn questions(&self) -> Vec<Question> {
        self.open().values_mut().map(Partition::question).collect()
    }

    /// Goes on, or not, as the brokers have answered. What is measured is measured at the regular times.
    pub(super) fn answered(
        &self,
        consumer: &Arc<LaneConsumer>,
        handling: &Arc<Handling>,
        answers: &[Answer],
        is_regular: bool,
    ) {
        let mut open = self.open();
        for answer in answers {
            // It may have been taken away meanwhile, and have come back.
            let Some(partition) = open.get_mut(&answer.key).filter(|partition| partition.serial == answer.serial)
            else {
                continue;
            };
            match (partition.judge(answer), self.trigger.on_lost_records) {
                (Judged::Unchanged, _) => self.tell_growth(partition, answer.kept),
                (Judged::Gap(gap), OnLostRecords::Stop) => {
                    self.tell_gap(partition, gap, "held");
                    partition.hold(gap);
                    warn_on_error(consumer.pause(&list(&partition.key)), "pause");
                    self.tell_hold(partition, gap);
                }
                (Judged::Gap(gap), OnLostRecords::Continue) => {
                    self.tell_gap(partition, gap, "goes on without them");
                    self.go_on(partition, answer, Some(gap), consumer, handling);
                }
                (Judged::GoesOn, _) => self.go_on(partition, answer, None, consumer, handling),
            }
            if is_regular {
                self.measure(partition, answer.kept);
            }
        }
    }

    fn go_on(
        &self,
        partition: &mut Partition,
        answer: &Answer,
        gap: Option<Gap>,
        consumer: &Arc<LaneConsumer>,
        handling: &Arc<Handling>,
    ) {
        if partition.go_on(answer, gap, consumer, handling) {
            self.ask.notify_one();
        }
    }

    /// An error, unless it was told of before: a consumer that is made anew finds the gap again.
    fn tell_gap(&self, partition: &Partition, gap: Gap, partition_is: &str) {
        let (topic, number) = &partition.key;
        let labels = self.labels(&partition.key);
        let (service, lost) = (&self.service.name, gap.count());
        let is_new = match gap {
            Gap::Deleted { from, to } => self.metrics.lost(&labels, from, to) > 0,
            Gap::Rewound { .. } => {
                self.metrics.begins_again(&labels);
                true
            }
        };
        if is_new {
            error!(service, topic, partition = number, lost, partition_is, "records are lost: {gap}");
        } else {
            warn!(service, topic, partition = number, lost, partition_is, "records were lost: {gap}");
        }
    }

    fn tell_growth(&self, partition: &mut Partition, kept: Kept) {
        let Some(gap @ Gap::Deleted { from, to }) = partition.grown(kept) else { return };
        self.metrics.lost(&self.labels(&partition.key), from, to);
        self.tell_hold(partition, gap);
    }

    /// What `/readyz` says until the partition goes on.
    fn tell_hold(&self, partition: &Partition, gap: Gap) {
        let ((topic, number), service) = (&partition.key, &self.service.name);
        self.service.troubles.hold(
            partition.name(),
            format!(
                "partition {number} of {topic} is held for service {service}: {gap}; to go on without them, set \
                 `on-lost-records = \"continue\"` under [services.{service}.kafka]"
            ),
        );
    }

    fn measure(&self, partition: &mut Partition, kept: Kept) {
        let labels = self.labels(&partition.key);
        let Some(handled) = partition.stock.handled().filter(|handled| *handled <= kept.high) else {
            return self.metrics.no_partition(&labels);
        };
        // What is gone is not to be handled any more.
        let (lag, margin) = (kept.high - handled.max(kept.low), handled - kept.low);
        self.metrics.partition(&labels, lag, margin);
        if partition.held_for().is_some() {
            return;
        }
        match partition.retention.look(handled, kept) {
            Some(Change::Near) => self.tell_near(partition, lag, margin),
            Some(Change::Away) => {
                let (topic, number) = &partition.key;
                info!(
                    service = self.service.name,
                    topic,
                    partition = number,
                    lag,
                    margin,
                    "gets away from the deletion"
                );
                self.service.troubles.over(&partition.name());
            }
            None => {}
        }
    }

    fn tell_near(&self, partition: &Partition, lag: i64, margin: i64) {
        let ((topic, number), service) = (&partition.key, &self.service.name);
        let text = format!(
            "the deletion of old records comes near service {service} in partition {number} of {topic}: {margin} records are \
             between them, and {lag} wait to be handled; let the topic keep more, or handle them faster"
        );
        warn!(service, topic, partition = number, lag, margin, "{text}");
        self.service.troubles.warn(partition.name(), text);
    }

    fn labels(&self, (topic, partition): &Key) -> PartitionLabels {
        PartitionLabels { service: self.service.name.clone(), topic: topic.clone(), partition: *partition }
    }

    /// All lanes, to be ended in order.
    pub(super) fn close_all(&self) -> Vec<Lane> {
        let open: Vec<Partition> = self.open().drain().map(|(_, partition)| partition).collect();
        open.into_iter().inspect(|partition| self.forget(partition)).filter_map(Partition::into_lane).collect()
    }

    fn close(&self, revoked: &TopicPartitionList) {
        let mut open = self.open();
        for element in revoked.elements() {
            if let Some(partition) = open.remove(&(element.topic().to_owned(), element.partition())) {
                self.forget(&partition);
                partition.abort();
            }
        }
    }

    /// Its next owner measures it, and says what is wrong with it.
    fn forget(&self, partition: &Partition) {
        self.metrics.no_partition(&self.labels(&partition.key));
        self.service.troubles.over(&partition.name());
    }
}

impl ClientContext for Lanes {
    /// The consumer gets each of them as well, and tells of the first.
    fn error(&self, error: KafkaError, reason: &str) {
        debug!(service = self.service.name, %error, reason, "consumer");
    }

    /// Of interest only until it has joined its group.
    fn stats_raw(&self, statistics: &[u8]) {
        if self.service.is_ready() {
            return;
        }
        let waits_for = membership::waits_for(statistics, &self.trigger);
        if self.service.set_waits_for(waits_for.clone())
            && let Some(reason) = waits_for
        {
            info!(service = self.service.name, "waiting: {reason}");
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
        let Rebalance::Assign(assigned) = rebalance else { return };
        let mut open = self.open();
        for element in assigned.elements() {
            let key = (element.topic().to_owned(), element.partition());
            open.insert(key.clone(), self.assigned(key));
        }
        self.ask.notify_one();
        self.service.set_ready(true);
        info!(service = self.service.name, partitions = assigned.count(), "partitions assigned");
    }
}
