//! `componentd dead-letters`: the records that a service could not handle, and what becomes of them.
//!
//! Kafka deletes no single record, so what has been dealt with is an offset per partition: that of the consumer group
//! `<group>.dead-letters`. Letters are dealt with in the order in which they came.

use std::time::Duration;

use componentd_capability_kafka::brokers::{KafkaBackend, Outgoing, Producer, client_config, headers, headers_of};
use componentd_config::KafkaTrigger;
use componentd_ingress::kafka::place::{Gap, Kept};
use componentd_ingress::kafka::record::{DEAD_LETTER_CUT, DEAD_LETTER_PREFIX};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Message as _, OwnedMessage};
use rdkafka::topic_partition_list::Offset;

const TIMEOUT: Duration = Duration::from_secs(10);

/// What to do with each letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Action {
    /// Show it and leave it.
    List,
    /// Send it to the topic that it came from, and count it as dealt with.
    Retry,
    /// Count it as dealt with.
    Drop,
}

/// Why the letters could not be dealt with. Those before are.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeadLetterError {
    #[error("Kafka: {0}; see `brokers` under [backends.kafka]")]
    Kafka(#[from] KafkaError),
    #[error("{letter} does not say which topic it came from")]
    Foreign { letter: String },
    #[error(
        "{letter} has no content, which was too large for the dead-letter topic: it is where the letter says it comes from, as \
         long as that is kept; then `drop` it"
    )]
    Cut { letter: String },
    #[error("{letter} could not be sent back: {reason}")]
    NotSent { letter: String, reason: String },
}

/// Does `action` with up to `count` letters of the service that `trigger` calls, and prints a line for each.
///
/// # Errors
/// Kafka is away, or a letter cannot be sent.
pub(crate) async fn run(
    backend: &KafkaBackend,
    trigger: &KafkaTrigger,
    action: Action,
    count: usize,
) -> Result<usize, DeadLetterError> {
    let producer = Producer::new(backend)?;
    let consumer = consumer(backend, trigger)?;
    let letters = tokio::task::spawn_blocking({
        let topic = trigger.dead_letter.clone();
        move || read(&consumer, &topic, count).map(|letters| (consumer, letters))
    });
    let (consumer, letters) = letters.await.expect("reading does not panic")?;
    let dealt_with = deal_with(&producer, &consumer, action, &letters).await;
    // Dropping a consumer blocks.
    tokio::task::spawn_blocking(move || drop(consumer)).await.expect("dropping a consumer does not panic");
    dealt_with.map(|()| letters.len())
}

async fn deal_with(
    producer: &Producer,
    consumer: &BaseConsumer,
    action: Action,
    letters: &[OwnedMessage],
) -> Result<(), DeadLetterError> {
    for letter in letters {
        println!("{}", describe(letter));
        if action == Action::Retry {
            send_back(producer, letter).await?;
        }
        if action != Action::List {
            settle(consumer, letter)?;
        }
    }
    Ok(())
}

fn consumer(backend: &KafkaBackend, trigger: &KafkaTrigger) -> Result<BaseConsumer, KafkaError> {
    let mut config = client_config(backend);
    config.set("group.id", format!("{}.dead-letters", trigger.group)).set("enable.auto.commit", "false");
    // Where letters are deleted while they are read, to go on elsewhere would pass them over.
    config.set("auto.offset.reset", "error");
    config.create()
}

/// The first `count` letters that nobody has dealt with. Blocks.
fn read(consumer: &BaseConsumer, topic: &str, count: usize) -> Result<Vec<OwnedMessage>, KafkaError> {
    let mut letters = Vec::new();
    for (partition, from, to) in open_ranges(consumer, topic)? {
        let mut at = TopicPartitionList::new();
        at.add_partition_offset(topic, partition, Offset::Offset(from))?;
        consumer.assign(&at)?;
        let mut next = from;
        while next < to && letters.len() < count {
            let Some(message) = consumer.poll(TIMEOUT) else { break };
            let message = message?.detach();
            next = message.offset() + 1;
            letters.push(message);
        }
    }
    Ok(letters)
}

/// For each partition that has open letters: the first one's offset, and the end.
fn open_ranges(consumer: &BaseConsumer, topic: &str) -> Result<Vec<(i32, i64, i64)>, KafkaError> {
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
    let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions()).map(|partition| partition.id());
    let mut ranges = Vec::new();
    for partition in partitions {
        let (low, high) = consumer.fetch_watermarks(topic, partition, TIMEOUT)?;
        let from = match settled_up_to(consumer, topic, partition)? {
            Some(settled) => where_to_begin(topic, partition, settled, Kept { low, high }),
            None => low,
        };
        if from < high {
            ranges.push((partition, from, high));
        }
    }
    Ok(ranges)
}

/// After what was dealt with, or after letters that are gone, which is said.
fn where_to_begin(topic: &str, partition: i32, settled: i64, kept: Kept) -> i64 {
    let gap = kept.gap(settled, None);
    if let Some(gap) = gap {
        eprintln!("{topic}/{partition}: {gap}");
    }
    gap.map_or(settled, Gap::goes_on_at)
}

fn settled_up_to(consumer: &BaseConsumer, topic: &str, partition: i32) -> Result<Option<i64>, KafkaError> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition(topic, partition);
    let committed = consumer.committed_offsets(asked, TIMEOUT)?;
    Ok(committed.elements().first().and_then(|element| element.offset().to_raw()).filter(|offset| *offset >= 0))
}

fn settle(consumer: &BaseConsumer, letter: &OwnedMessage) -> Result<(), KafkaError> {
    let mut next = TopicPartitionList::new();
    next.add_partition_offset(letter.topic(), letter.partition(), Offset::Offset(letter.offset() + 1))?;
    consumer.commit(&next, CommitMode::Sync)
}

async fn send_back(producer: &Producer, letter: &OwnedMessage) -> Result<(), DeadLetterError> {
    let Some(topic) = told(letter, "topic") else { return Err(DeadLetterError::Foreign { letter: name(letter) }) };
    if header(letter, DEAD_LETTER_CUT).is_some() {
        return Err(DeadLetterError::Cut { letter: name(letter) });
    }
    let own = headers_of(letter).filter(|header| !header.name.starts_with(DEAD_LETTER_PREFIX.as_bytes()));
    let own: Vec<_> = own.map(|header| (header.name, header.value)).collect();
    let (key, payload) = (letter.key(), letter.payload());
    let record = Outgoing { topic: &topic, key, headers: headers(own.into_iter()), payload };
    let sent = producer.pass_on(record, TIMEOUT).await;
    sent.map(|_| ()).map_err(|e| DeadLetterError::NotSent { letter: name(letter), reason: e.to_string() })
}

fn name(letter: &OwnedMessage) -> String {
    format!("{}/{}/{}", letter.topic(), letter.partition(), letter.offset())
}

fn describe(letter: &OwnedMessage) -> String {
    let told = |what| told(letter, what).unwrap_or_else(|| "?".to_owned());
    let (topic, partition, offset) = (told("topic"), told("partition"), told("offset"));
    let (reason, attempts, version) = (told("reason"), told("attempts"), told("version"));
    format!("{}  from {topic}/{partition}/{offset}  attempts {attempts}  {version}  {reason}", name(letter))
}

/// What the host has told of the letter in its headers.
fn told(letter: &OwnedMessage, what: &str) -> Option<String> {
    header(letter, &format!("{DEAD_LETTER_PREFIX}{what}"))
}

/// The last of that name: what came with the record may have the same.
fn header(letter: &OwnedMessage, name: &str) -> Option<String> {
    let value = headers_of(letter).filter(|header| header.name == name.as_bytes()).last()?.value?;
    Some(String::from_utf8_lossy(value).into_owned())
}
