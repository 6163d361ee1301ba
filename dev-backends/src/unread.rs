//! How much of a topic its group has not read, by reading the topic beside it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::{Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

/// Bytes of a partition that were not read, from which on it is full: well below the room that there is, for what is on its
/// way when that is seen.
const FULL: usize = 2 << 20;

/// It is full until there are no more than these.
const ROOM: usize = 1 << 20;

/// What a record takes in the log besides its key, payload and headers, at most.
const RECORD_OVERHEAD: usize = 100;

/// How often it is asked how far the group is.
const ASK: Duration = Duration::from_millis(50);

const TIMEOUT: Duration = Duration::from_secs(5);

/// Says in `is_full` whether a partition of `topic` is, in a thread that ends with the other holder of it.
pub fn watch(brokers: &str, topic: &'static str, group: &str, is_full: &Arc<AtomicBool>) -> KafkaResult<()> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("log_level", "0")
        .create()?;
    // Before the first producer comes. It is assigned and does not join: the group's own members share what they share.
    consumer.assign(&partitions(&consumer, topic)?)?;
    let is_full = Arc::downgrade(is_full);
    std::thread::spawn(move || follow(&consumer, topic, &is_full));
    Ok(())
}

fn follow(consumer: &BaseConsumer, topic: &str, is_full: &Weak<AtomicBool>) {
    let mut unread = Unread::default();
    let mut asked = Instant::now();
    while let Some(is_full) = is_full.upgrade() {
        if let Some(Ok(record)) = consumer.poll(ASK) {
            unread.came(record.partition(), record.offset(), size(&record));
        }
        if asked.elapsed() >= ASK {
            asked = Instant::now();
            // Where the broker is away, nothing is written either.
            for (partition, offset) in read_up_to(consumer, topic).unwrap_or_default() {
                unread.read_up_to(partition, offset);
            }
        }
        is_full.store(unread.is_full(), Ordering::Relaxed);
    }
}

/// All of them, from their beginning.
fn partitions(consumer: &BaseConsumer, topic: &str) -> KafkaResult<TopicPartitionList> {
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
    let mut list = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
        list.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
    }
    Ok(list)
}

/// How far the group is in each partition where it is anywhere.
fn read_up_to(consumer: &BaseConsumer, topic: &str) -> KafkaResult<Vec<(i32, i64)>> {
    let committed = consumer.committed(TIMEOUT)?;
    let offset = |offset: Offset| offset.to_raw().filter(|offset| *offset >= 0);
    let elements = committed.elements_for_topic(topic).into_iter();
    Ok(elements.filter_map(|element| Some((element.partition(), offset(element.offset())?))).collect())
}

fn size(record: &impl Message) -> usize {
    let headers = record.headers().map_or(0, |headers| {
        headers.iter().map(|header| header.key.len() + header.value.map_or(0, <[u8]>::len) + RECORD_OVERHEAD / 10).sum()
    });
    let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    RECORD_OVERHEAD + length(record.key()) + length(record.payload()) + headers
}

/// The records of each partition that its group has not read.
#[derive(Debug, Default)]
struct Unread {
    partitions: BTreeMap<i32, Partition>,
    was_full: bool,
}

#[derive(Debug, Default)]
struct Partition {
    /// Offset and size.
    records: VecDeque<(i64, usize)>,
    bytes: usize,
}

impl Unread {
    fn came(&mut self, partition: i32, offset: i64, size: usize) {
        let partition = self.partitions.entry(partition).or_default();
        partition.records.push_back((offset, size));
        partition.bytes += size;
    }

    fn read_up_to(&mut self, partition: i32, read: i64) {
        let Some(partition) = self.partitions.get_mut(&partition) else { return };
        while let Some((_, size)) = partition.records.pop_front_if(|(offset, _)| *offset < read) {
            partition.bytes -= size;
        }
    }

    fn is_full(&mut self) -> bool {
        let bound = if self.was_full { ROOM } else { FULL };
        self.was_full = self.partitions.values().any(|partition| partition.bytes > bound);
        self.was_full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_until_there_is_room_again() {
        let mut unread = Unread::default();
        for offset in 0..3 {
            assert!(!unread.is_full());
            unread.came(1, offset, FULL / 3 + 1);
        }
        assert!(unread.is_full());
        unread.read_up_to(1, 1);
        assert!(unread.is_full(), "more than half");
        unread.read_up_to(1, 2);
        assert!(!unread.is_full());
    }
}
