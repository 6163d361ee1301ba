//! What the brokers say of partitions: where the group is, and what they keep.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::LaneConsumer;
use super::place::Kept;

/// How long the brokers may take over one of the three questions.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A topic's name and the number of a partition.
pub(super) type Key = (String, i32);

/// What is asked about one partition.
pub(super) struct Question {
    pub key: Key,
    /// Which assignment of it is asked about.
    pub serial: u64,
    /// Whether it is not known where the group is.
    pub is_new: bool,
}

/// What the brokers said.
pub(super) struct Answer {
    pub key: Key,
    pub serial: u64,
    pub kept: Kept,
    /// Where the group is, if that was asked and it has come anywhere yet.
    pub committed: Option<i64>,
}

/// Asks about all of them at once. Those that the brokers say nothing of are left out. Blocks.
///
/// # Errors
/// They do not answer.
pub(super) fn ask(consumer: &LaneConsumer, questions: Vec<Question>) -> Result<Vec<Answer>, KafkaError> {
    if questions.is_empty() {
        return Ok(Vec::new());
    }
    let new = list(questions.iter().filter(|question| question.is_new), Offset::Invalid)?;
    let committed = match new.count() {
        0 => HashMap::new(),
        _ => offsets(&consumer.committed_offsets(new, TIMEOUT)?),
    };
    let edge = |edge| {
        let edges = consumer.offsets_for_times(list(questions.iter(), edge)?, TIMEOUT)?;
        Ok::<_, KafkaError>(offsets(&edges))
    };
    // The end last: it only grows, and so what was read is behind it.
    let (lows, highs) = (edge(Offset::Beginning)?, edge(Offset::End)?);
    let answer = |Question { key, serial, is_new }: Question| {
        let kept = Kept { low: (*lows.get(&key)?)?, high: (*highs.get(&key)?)? };
        let committed = if is_new { *committed.get(&key)? } else { None };
        Some(Answer { key, serial, kept, committed })
    };
    Ok(questions.into_iter().filter_map(answer).collect())
}

/// The partitions, each with that offset.
fn list<'a>(questions: impl Iterator<Item = &'a Question>, offset: Offset) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for Question { key: (topic, partition), .. } in questions {
        list.add_partition_offset(topic, *partition, offset)?;
    }
    Ok(list)
}

/// The offset of each partition that has no error; none where there is no offset.
fn offsets(list: &TopicPartitionList) -> HashMap<Key, Option<i64>> {
    let answered = list.elements().into_iter().filter(|element| element.error().is_ok());
    let offset = |offset: Offset| offset.to_raw().filter(|offset| *offset >= 0);
    answered.map(|e| ((e.topic().to_owned(), e.partition()), offset(e.offset()))).collect()
}
