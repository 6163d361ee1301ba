//! Kafka ingress: a consumer whose partitions are handled in parallel, each in order, at least once.
//!
//! Offsets are stored only after their record was handled or is in the dead-letter topic, and committed from there; so a
//! crash repeats records and skips none. A lane that fails to do either holds its partition back and tries again.
//!
//! librdkafka goes on with the earliest record where the broker no longer has the one that it asks for, and says so only in
//! its own log. So each partition knows which offset comes next. Where another one comes, or none, the brokers are asked
//! what they keep, and records that are gone are an error, counted, and a reason to stop, unless the manifest says otherwise.

mod call;
mod lane;
mod lanes;
mod look;
mod membership;
mod partition;
pub mod place;
pub mod record;
mod refusal;
mod retention;
mod stock;
mod trigger;
mod unreadable;
mod wit;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use componentd_capability_kafka::brokers::{KafkaBackend, client_config};
use futures_util::FutureExt;
use rdkafka::consumer::{CommitMode, Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::lanes::Lanes;
use self::membership::SESSION_TIMEOUT;
use self::record::Handling;
pub use self::trigger::Kafka;
use self::unreadable::{Unreadable, is_unreadable};

/// How often the brokers are asked what they keep, for the lag, the margin, and what was deleted without a record since.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// How often handled offsets are committed; a crash repeats at most the records of this time, plus those in flight.
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);

/// The pause between two tries of what the brokers did not answer.
const ERROR_BACKOFF: Duration = Duration::from_millis(500);

/// How often librdkafka says how far the consumer is in joining its group, which `/readyz` tells until it has.
const STATISTICS_INTERVAL: Duration = Duration::from_secs(2);

/// How often a consumer that leaves tries to commit; what it cannot commit is handled again by others.
const LAST_COMMIT_TRIES: usize = 6;

type LaneConsumer = StreamConsumer<Lanes>;

/// What is said of a task that has panicked. What it was at the panic itself has said.
const PANICKED: &str = "the host has panicked at it: see its standard error, and report it";

/// Why a consumer has ended.
enum Ended {
    /// It was told to.
    Stopped,
    /// It could not go on. Another one can begin where it was.
    Failed(String),
}

impl Ended {
    fn failed(reason: impl ToString) -> Self {
        Self::Failed(reason.to_string())
    }
}

/// A service's consumer group member.
struct Consumer {
    consumer: Arc<LaneConsumer>,
    handling: Arc<Handling>,
}

impl Consumer {
    /// One that is no member yet: [`run`](Self::run) joins the group.
    ///
    /// # Errors
    /// librdkafka refuses the configuration.
    fn new(backend: &KafkaBackend, handling: Arc<Handling>) -> Result<Self, KafkaError> {
        let Handling { service, trigger, metrics, .. } = &*handling;
        let mut config = client_config(backend);
        config
            .set("group.id", &trigger.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // A group that is new starts with what is in the topic: orders before the first start get their mail. For any
            // other, what was skipped is found by its offset.
            .set("auto.offset.reset", "earliest")
            .set("partition.assignment.strategy", "cooperative-sticky")
            // A crashed host's partitions go to another one after this time, also to the same host that is started again;
            // brokers allow no shorter one by default.
            .set("session.timeout.ms", SESSION_TIMEOUT.as_millis().to_string())
            .set("heartbeat.interval.ms", "2000")
            // Partitions that are added, and a topic that is made anew, are found in this time.
            .set("topic.metadata.refresh.interval.ms", "10000")
            .set("queued.max.messages.kbytes", "8192")
            .set("statistics.interval.ms", STATISTICS_INTERVAL.as_millis().to_string());
        let consumer: LaneConsumer =
            config.create_with_context(Lanes::new(service.clone(), metrics.clone(), trigger))?;
        Ok(Self { consumer: Arc::new(consumer), handling })
    }

    /// Takes what librdkafka has to tell while the service cannot be called for other reasons, so that it does not pile up.
    /// There are no records, for it is no member.
    async fn idle(&self) {
        let mut failing = false;
        loop {
            if let Err(error) = self.consumer.recv().await {
                self.tell(&error, &mut failing);
            }
        }
    }

    /// Reads and handles records until `stop`, or until something of it fails; then ends what is in flight, commits and leaves
    /// the group.
    async fn run(self, stop: CancellationToken) -> Ended {
        let stop_looking = stop.child_token();
        let looking = tokio::spawn(look(self.consumer.clone(), self.handling.clone(), stop_looking.clone()));
        let mut unreadable = Unreadable::default();
        let reading = AssertUnwindSafe(self.read(&stop, &mut unreadable)).catch_unwind().await;
        unreadable.over(&self.handling);
        stop_looking.cancel();
        self.finish(looking).await;
        reading.unwrap_or_else(|_| Ended::failed(PANICKED))
    }

    async fn read(&self, stop: &CancellationToken, unreadable: &mut Unreadable) -> Ended {
        let topic = &self.handling.trigger.topic;
        if let Err(error) = self.consumer.subscribe(&[topic]) {
            let service = &self.handling.service.name;
            return Ended::Failed(format!("{error}: correct `topic` under [services.{service}.kafka]"));
        }
        let mut commits = tokio::time::interval(COMMIT_INTERVAL);
        let mut failing = false;
        loop {
            tokio::select! {
                read = self.consumer.recv() => match read {
                    Ok(message) => {
                        failing = false;
                        self.consumer.context().take(&self.consumer, message.detach());
                    }
                    Err(error @ KafkaError::MessageConsumptionFatal(_)) => return Ended::failed(error),
                    Err(error) if is_unreadable(&error) => unreadable.found(&error, &self.handling),
                    Err(error) => self.tell(&error, &mut failing),
                },
                _ = commits.tick() => {
                    self.commit();
                    unreadable.look(&self.handling);
                }
                () = self.consumer.context().failed.notified() => return Ended::failed(PANICKED),
                () = stop.cancelled() => return Ended::Stopped,
            }
        }
    }

    /// One line when it begins, however long it takes. librdkafka reconnects by itself, and puts an error into the queue for
    /// each try that fails, many in a second. Rebalances and records come through the same queue, so a pause here would hold
    /// them up long after the brokers are back.
    fn tell(&self, error: &KafkaError, failing: &mut bool) {
        if !std::mem::replace(failing, true) {
            warn!(service = self.handling.service.name, %error, "consumer waits");
        }
    }

    fn commit(&self) {
        match self.consumer.commit_consumer_state(CommitMode::Async) {
            Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            Err(error) => warn!(service = self.handling.service.name, %error, "commit"),
        }
    }

    /// Lanes end with the record that they are at.
    async fn finish(self, looking: JoinHandle<()>) {
        let lanes = self.consumer.context().close_all();
        lanes.iter().for_each(lane::Lane::finish);
        for lane in lanes {
            lane.ended().await;
        }
        self.commit_at_last().await;
        // It may be at a question that the brokers leave unanswered, and holds the consumer as well.
        let _ = looking.await;
        self.leave().await;
    }

    /// Dropping a consumer blocks, and so has a thread of its own.
    async fn leave(self) {
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
            let next = async { while self.consumer.recv().await.is_err() {} };
            let _ = tokio::time::timeout(ERROR_BACKOFF, next).await;
        }
    }
}

/// Asks the brokers what they keep, at regular times and when a record came that is not the next one.
async fn look(consumer: Arc<LaneConsumer>, handling: Arc<Handling>, stop: CancellationToken) {
    let _alarm = lane::Alarm(consumer.clone());
    let mut regular = tokio::time::interval(LOOK_INTERVAL);
    regular.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut failing = false;
    while !stop.is_cancelled() {
        let is_regular = tokio::select! {
            _ = regular.tick() => true,
            () = consumer.context().ask.notified() => false,
            () = stop.cancelled() => return,
        };
        let questions = consumer.context().questions();
        let asked = consumer.clone();
        let answers = tokio::task::spawn_blocking(move || look::ask(&asked, questions));
        match answers.await.expect("asking does not panic") {
            Ok(answers) => {
                failing = false;
                consumer.context().answered(&consumer, &handling, &answers, is_regular);
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    let service = &handling.service.name;
                    warn!(service, %error, "the brokers do not say what they keep; asked again");
                }
                tokio::time::sleep(ERROR_BACKOFF).await;
            }
        }
    }
}
