//! A component that handles records as they say, behind topics of its own.

use componentd::Host;

use super::files::guest;
use super::host::start;
use super::kafka::Topic;
use super::servers::{Kafka, kafka, redis};
use super::unique;
use super::wait::until;

/// A record that is handled at once.
pub const OK: &str = r#"{"do":"ok"}"#;

/// Topics of one test, and the group that reads them.
pub struct Lanes {
    pub topic: Topic,
    pub letters: Topic,
    pub group: String,
    /// Where the component keeps what it has handled.
    redis: String,
}

impl Lanes {
    pub async fn create() -> Self {
        Self::create_on(kafka().await, redis().await).await
    }

    /// With a Redis that the test may kill: while it is away, nothing is handled.
    pub async fn create_on(kafka: &Kafka, redis: &str) -> Self {
        let topic = Topic::create(kafka, "work").await;
        let letters = Topic::create(kafka, "letters").await;
        Self { topic, letters, group: unique("group"), redis: redis.to_owned() }
    }

    /// A host whose component does what the records say, with these settings of its trigger.
    pub async fn consume(&self, settings: &str) -> Host {
        start(&self.manifest(settings)).await
    }

    pub fn manifest(&self, settings: &str) -> String {
        let echo = self.echo(&guest("kafka-echo"), settings);
        format!("[admin]\ntoken = 'for-tests'\nlisten = '127.0.0.1:0'\n{echo}limits = {{ timeout = '60s' }}\n")
    }

    /// The backends and the service, of which further lines may follow.
    pub fn echo(&self, component: &str, settings: &str) -> String {
        let (redis, brokers) = (&self.redis, &self.topic.brokers);
        let (topic, letters, group) = (&self.topic.name, &self.letters.name, &self.group);
        format!(
            r#"
            [backends]
            redis = {{ url = "{redis}" }}
            kafka = {{ brokers = "{brokers}" }}

            [services.echo]
            component = "{component}"
            kafka = {{ topic = "{topic}", group = "{group}", dead-letter = "{letters}", backoff = "10ms", {settings} }}
            grants.redis = {{ read = ["handled:*"], write = ["handled:*"] }}
            "#
        )
    }

    /// What the component has handled of a partition: `0,1,2`.
    pub async fn handled(&self, partition: i32) -> String {
        handled(&self.redis, &self.topic, partition).await
    }

    pub async fn until_handled(&self, partition: i32, offset: i64) -> String {
        let last = offset.to_string();
        until(&format!("record {offset} of partition {partition} is handled"), async || {
            Some(self.handled(partition).await).filter(|list| list.rsplit(',').next() == Some(last.as_str()))
        })
        .await
    }
}

/// What the component has handled of a partition: `0,1,2`.
pub async fn handled(redis: &str, topic: &Topic, partition: i32) -> String {
    let client = redis::Client::open(redis).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let key = format!("handled:{}:{partition}", topic.name);
    let list: Option<String> = redis::cmd("GET").arg(key).query_async(&mut connection).await.unwrap();
    list.unwrap_or_default()
}

/// `0,1,2` up to `last`.
pub fn up_to(last: i64) -> String {
    offsets(0..=last)
}

/// Each offset, with commas between.
pub fn offsets(range: impl Iterator<Item = i64>) -> String {
    range.map(|offset| offset.to_string()).collect::<Vec<_>>().join(",")
}

/// Whether each offset up to `last` was handled, none before the one ahead of it; a restart may go back and repeat some.
pub fn in_order_at_least_once(handled: &str, last: i64) -> bool {
    let mut next = 0;
    for offset in handled.split(',').map(|offset| offset.parse::<i64>().unwrap()) {
        if offset > next {
            return false;
        }
        next = offset + 1;
    }
    next == last + 1
}
