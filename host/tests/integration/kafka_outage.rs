//! Kafka and the host die and come back: records are handled as soon as the group is whole again.

use std::time::{Duration, Instant};

use crate::support::kafka::PARTITIONS;
use crate::support::lanes::{Lanes, OK, in_order_at_least_once};
use crate::support::process::ManifestFile;
use crate::support::servers::{Kafka, is_real_kafka, kafka, own_kafka, redis};
use crate::support::wait::until;
use crate::support::watched::Watched;

/// How many tries to connect are in vain before Kafka is started, which takes some seconds more. Each is an error that the
/// consumer is told of, and must not hold up what comes after.
const TRIES: usize = 50;

/// Within this the group is whole again: a dead member leaves it after 6 s, and the rest is for a slow machine.
const SOON: Duration = Duration::from_secs(20);

impl Watched {
    /// Waits until it says that this is missing.
    async fn until_missing(&self, text: &str) {
        until(&format!("it says: {text}"), async || {
            let ready = self.admin.get("/readyz").await;
            (ready.status == 503 && ready.text().contains(text)).then_some(())
        })
        .await;
    }
}

/// A record in each partition, once it is handled: their offset.
async fn one_each(lanes: &Lanes) -> i64 {
    let mut last = 0;
    for partition in 0..PARTITIONS {
        last = lanes.topic.produce(partition, OK).await;
    }
    for partition in 0..PARTITIONS {
        lanes.until_handled(partition, last).await;
    }
    last
}

/// Both at once, as where a machine loses its power. Kafka is the last to be back.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_was_killed_with_kafka_handles_records_soon_after_both_are_back() {
    let Some((mut server, _)) = own_kafka().await else {
        return assert!(!is_real_kafka("kafka_outage").await, "it needs COMPONENTD_TEST_KAFKA_JARS");
    };
    let lanes = Lanes::create_on(&Kafka::Real { brokers: server.url(), _own: None }, redis().await).await;
    let manifest = ManifestFile::new(&lanes.manifest(""));
    let host = Watched::start(&manifest).await;
    host.until_ready().await;
    one_each(&lanes).await;
    server.kill9().await;
    host.kill9().await;

    let host = Watched::start(&manifest).await;
    host.until_missing(&format!(
        "echo cannot be called yet: it waits for the coordinator of the group {}",
        lanes.group
    ))
    .await;
    lanes.topic.until_away(TRIES).await;
    server.restart().await.unwrap();
    let back = Instant::now();
    host.until_ready().await;
    let last = one_each(&lanes).await;
    assert!(back.elapsed() < SOON, "it takes {:?} to get back", back.elapsed());
    for partition in 0..PARTITIONS {
        let handled = lanes.handled(partition).await;
        assert!(in_order_at_least_once(&handled, last), "partition {partition}: {handled}");
    }
    host.kill9().await;
    server.stop().await;
}

/// The coordinator keeps a member that died until its session has ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_was_killed_says_that_its_group_waits_for_the_dead_member() {
    if !is_real_kafka("kafka_outage").await {
        return;
    }
    let lanes = Lanes::create_on(kafka().await, redis().await).await;
    let manifest = ManifestFile::new(&lanes.manifest(""));
    let host = Watched::start(&manifest).await;
    host.until_ready().await;
    host.kill9().await;
    let host = Watched::start(&manifest).await;
    let why = "a member of it that died leaves it after its session timeout, 6 s where it was a host";
    host.until_missing(&format!("it waits until the group {} takes it in: {why}", lanes.group)).await;
    host.until_ready().await;
    host.kill9().await;
}
