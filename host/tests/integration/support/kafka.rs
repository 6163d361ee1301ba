//! Topics, and what is in them.

use std::time::Duration;

use componentd_capability_kafka::brokers;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::OwnedMessage;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::servers::Kafka;
use super::unique;
use super::wait::{PATIENCE, until};

/// As many as the embedded broker gives a topic that it makes when it is first asked for it.
pub const PARTITIONS: i32 = 4;

const ANSWERS_WITHIN: Duration = Duration::from_secs(30);

/// A topic on one Kafka.
#[derive(Clone)]
pub struct Topic {
    pub name: String,
    pub brokers: String,
    producer: FutureProducer,
}

impl Topic {
    /// One that is there already.
    pub fn existing(brokers: &str, name: &str) -> Self {
        let producer = config(brokers).set("enable.idempotence", "true").create().unwrap();
        Self { name: name.to_owned(), brokers: brokers.to_owned(), producer }
    }

    /// A new one with [`PARTITIONS`].
    pub async fn create(kafka: &Kafka, name: &str) -> Self {
        let topic = Self::existing(&kafka.brokers(), &unique(name));
        if let Kafka::Real { .. } = kafka {
            topic.create_by_admin().await;
        }
        let known = topic.clone();
        until("the topic is there", async || (known.partitions().await == PARTITIONS).then_some(())).await;
        topic
    }

    pub async fn create_by_admin(&self) {
        let new = NewTopic::new(&self.name, PARTITIONS, TopicReplication::Fixed(1));
        let results = self.admin().create_topics([&new], &admin_options()).await;
        let mut results = results.expect("brokers named by the environment are a real Kafka, which creates topics");
        results.remove(0).unwrap();
    }

    /// Deletes the records before that offset, as retention would. A real Kafka only.
    pub async fn delete_records(&self, partition: i32, before: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.name, partition, Offset::Offset(before)).unwrap();
        let deleted = self.admin().delete_records(&list, &admin_options()).await.unwrap();
        assert_eq!(deleted.elements()[0].offset(), Offset::Offset(before));
    }

    /// A real Kafka only.
    pub async fn delete(&self) {
        self.admin().delete_topics(&[&self.name], &admin_options()).await.unwrap().remove(0).unwrap();
    }

    /// A real Kafka only.
    pub async fn add_partitions(&self, count: usize) {
        let new = NewPartitions::new(&self.name, count);
        self.admin().create_partitions([&new], &admin_options()).await.unwrap().remove(0).unwrap();
    }

    /// Takes no larger batches any more. A real Kafka only.
    pub async fn limit(&self, bytes: usize) {
        let bytes = bytes.to_string();
        let change = AlterConfig::new(ResourceSpecifier::Topic(&self.name)).set("max.message.bytes", &bytes);
        self.admin().alter_configs([&change], &admin_options()).await.unwrap().remove(0).unwrap();
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        config(&self.brokers).create().unwrap()
    }

    pub async fn partitions(&self) -> i32 {
        let topic = self.clone();
        let partitions = move || {
            let metadata = topic.producer.client().fetch_metadata(Some(&topic.name), ANSWERS_WITHIN).unwrap();
            metadata.topics().iter().map(|topic| topic.partitions().len()).sum::<usize>()
        };
        tokio::task::spawn_blocking(partitions).await.unwrap().try_into().unwrap()
    }

    /// Writes a record, and waits until it is there: its offset.
    pub async fn produce(&self, partition: i32, payload: &str) -> i64 {
        let record = FutureRecord::to(&self.name).partition(partition).key("key").payload(payload);
        self.producer.send(record, ANSWERS_WITHIN).await.unwrap().offset
    }

    /// The same of any record: its headers may have any names, and it may be larger than clients send by default.
    pub async fn produce_any(&self, partition: i32, payload: &[u8], headers: &[(&[u8], &[u8])]) -> i64 {
        let headers = brokers::headers(headers.iter().map(|(name, value)| (*name, Some(*value))));
        let record = FutureRecord::to(&self.name).partition(partition).key("key").payload(payload).headers(headers);
        let producer: FutureProducer = config(&self.brokers).set("message.max.bytes", "4000000").create().unwrap();
        producer.send(record, ANSWERS_WITHIN).await.unwrap().offset
    }

    /// Waits until a consumer has been told so often that the brokers are away, and with it any other that looks for them.
    pub async fn until_away(&self, errors: usize) {
        let consumer: BaseConsumer = config(&self.brokers)
            .set("group.id", unique("witness"))
            .set("reconnect.backoff.max.ms", "1000")
            .create()
            .unwrap();
        let witness = move || {
            for _ in 0..errors {
                let told = consumer.poll(PATIENCE);
                assert!(matches!(told, Some(Err(_))), "the brokers are away: {told:?}");
            }
        };
        tokio::task::spawn_blocking(witness).await.unwrap();
    }

    /// Everything that is in it, in the order of each partition.
    pub async fn records(&self) -> Vec<OwnedMessage> {
        let topic = self.clone();
        tokio::task::spawn_blocking(move || topic.read_all()).await.unwrap()
    }

    /// Its records, once there are so many.
    pub async fn wait_for(&self, count: usize) -> Vec<OwnedMessage> {
        until(&format!("{count} records in {}", self.name), async || {
            Some(self.records().await).filter(|records| records.len() >= count)
        })
        .await
    }

    fn read_all(&self) -> Vec<OwnedMessage> {
        let consumer: BaseConsumer = config(&self.brokers).set("group.id", unique("reader")).create().unwrap();
        let metadata = consumer.fetch_metadata(Some(&self.name), ANSWERS_WITHIN).unwrap();
        let partitions = metadata.topics()[0].partitions().iter().map(|partition| partition.id());
        partitions.flat_map(|partition| self.read(&consumer, partition)).collect()
    }

    fn read(&self, consumer: &BaseConsumer, partition: i32) -> Vec<OwnedMessage> {
        let (low, high) = consumer.fetch_watermarks(&self.name, partition, ANSWERS_WITHIN).unwrap();
        let mut place = TopicPartitionList::new();
        place.add_partition_offset(&self.name, partition, Offset::Offset(low)).unwrap();
        consumer.assign(&place).unwrap();
        (low..high).map(|_| consumer.poll(PATIENCE).unwrap().unwrap().detach()).collect()
    }

    /// What the group has committed for each partition; none where it has nothing.
    pub async fn committed(&self, group: &str) -> Vec<Option<i64>> {
        let (topic, group) = (self.clone(), group.to_owned());
        tokio::task::spawn_blocking(move || topic.committed_by(&group)).await.unwrap()
    }

    fn committed_by(&self, group: &str) -> Vec<Option<i64>> {
        let consumer: BaseConsumer = config(&self.brokers).set("group.id", group).create().unwrap();
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(&self.name, 0, PARTITIONS - 1);
        let committed = consumer.committed_offsets(asked, ANSWERS_WITHIN).unwrap();
        committed.elements().iter().map(|element| element.offset().to_raw().filter(|offset| *offset >= 0)).collect()
    }
}

fn admin_options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ANSWERS_WITHIN)).operation_timeout(Some(ANSWERS_WITHIN))
}

fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("log_level", "0");
    config
}

/// The value of a header, as text.
pub fn header(record: &OwnedMessage, name: &str) -> Option<String> {
    let header = brokers::headers_of(record).find(|header| header.name == name.as_bytes())?;
    Some(String::from_utf8_lossy(header.value?).into_owned())
}
