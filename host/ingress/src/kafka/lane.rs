//! The lane of a partition: its records, one after the other, each in its turn.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Message as _, OwnedMessage};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::LaneConsumer;
use super::look::Key;
use super::stock::Stock;
use crate::kafka::record::{Done, Handling};

/// The pause after a commit that was refused, while the group rebalances say.
const COMMIT_BACKOFF: Duration = Duration::from_millis(500);

/// The queue and the task of one partition.
pub(super) struct Lane {
    items: mpsc::UnboundedSender<Item>,
    finish: CancellationToken,
    task: JoinHandle<()>,
}

/// What a lane does, in its turn.
enum Item {
    Handle(OwnedMessage),
    /// Commits that the group is at this offset, whatever it was at before.
    SkipTo(i64),
}

impl Lane {
    pub(super) fn open(key: &Key, stock: &Arc<Stock>, consumer: &Arc<LaneConsumer>, handling: &Arc<Handling>) -> Self {
        let (items, queue) = mpsc::unbounded_channel();
        let finish = CancellationToken::new();
        let place = Place { consumer: consumer.clone(), key: key.clone(), stock: stock.clone() };
        let (alarm, running) = (Alarm(consumer.clone()), run(handling.clone(), place, queue, finish.clone()));
        let task = tokio::spawn(async move {
            let _alarm = alarm;
            running.await;
        });
        Self { items, finish, task }
    }

    pub(super) fn handle(&self, message: OwnedMessage) {
        // The receiver ends only with the lane, and then all of the consumer begins again.
        let _ = self.items.send(Item::Handle(message));
    }

    pub(super) fn skip_to(&self, offset: i64) {
        let _ = self.items.send(Item::SkipTo(offset));
    }

    pub(super) fn abort(&self) {
        self.task.abort();
    }

    /// Lets it end with the record that it is at.
    pub(super) fn finish(&self) {
        self.finish.cancel();
    }

    pub(super) async fn ended(self) {
        let _ = self.task.await;
    }
}

async fn run(
    handling: Arc<Handling>,
    place: Place,
    mut items: mpsc::UnboundedReceiver<Item>,
    finish: CancellationToken,
) {
    while !finish.is_cancelled() {
        let item = tokio::select! {
            item = items.recv() => item,
            () = finish.cancelled() => None,
        };
        match item {
            Some(Item::Handle(message)) => match handling.handle(&message, &finish).await {
                Done::Settled => place.done(&message),
                Done::GivenUp => return,
            },
            Some(Item::SkipTo(offset)) => place.skip_to(offset, &finish).await,
            None => return,
        }
    }
}

/// Tells the consumer when a task of it panics: what it has read is not handled then.
pub(super) struct Alarm(pub Arc<LaneConsumer>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.context().failed.notify_one();
        }
    }
}

/// A partition, as its lane sees it.
#[derive(Clone)]
struct Place {
    consumer: Arc<LaneConsumer>,
    key: Key,
    stock: Arc<Stock>,
}

impl Place {
    /// Marks the record as done; a later commit takes it from there.
    fn done(&self, message: &OwnedMessage) {
        let (topic, partition) = &self.key;
        warn_on_error(self.consumer.store_offset(topic, *partition, message.offset()), "store offset");
        self.stock.handled_up_to(message.offset() + 1);
        if self.stock.sell(message) {
            warn_on_error(self.consumer.resume(&list(&self.key)), "resume");
        }
    }

    /// For as long as it takes, or to the end of the lane: what is handled from here on must not be committed over another place.
    async fn skip_to(&self, offset: i64, finish: &CancellationToken) {
        let mut is_told = false;
        loop {
            let place = self.clone();
            let commit = tokio::task::spawn_blocking(move || place.commit(offset));
            match commit.await.expect("a commit does not panic") {
                Ok(()) => return self.stock.handled_up_to(offset),
                Err(error) if !std::mem::replace(&mut is_told, true) => {
                    let (topic, partition) = &self.key;
                    warn!(topic, partition, offset, %error, "the place of the group cannot be committed; tried again");
                }
                Err(_) => {}
            }
            if finish.run_until_cancelled(tokio::time::sleep(COMMIT_BACKOFF)).await.is_none() {
                return;
            }
        }
    }

    /// Also where that is before what was committed. Blocks.
    fn commit(&self, offset: i64) -> Result<(), KafkaError> {
        let (topic, partition) = &self.key;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, *partition, Offset::Offset(offset))?;
        self.consumer.store_offsets(&list)?;
        self.consumer.commit(&list, CommitMode::Sync)
    }
}

/// The partition alone.
pub(super) fn list((topic, partition): &Key) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, *partition);
    list
}

/// For calls that fail only where the partition has just been taken away, which a rebalance then settles.
pub(super) fn warn_on_error(result: Result<(), KafkaError>, call: &str) {
    if let Err(error) = result {
        warn!(%error, call, "consumer");
    }
}
