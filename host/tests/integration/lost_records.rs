//! Records that the broker no longer has: told, counted, and waited for, or not, as the manifest says.

use serde_json::Value;

use crate::support::kafka::PARTITIONS;
use crate::support::lanes::{Lanes, OK, offsets, up_to};
use crate::support::process::ManifestFile;
use crate::support::servers::{Kafka, is_real_kafka, kafka, own_kafka, own_redis, redis};
use crate::support::wait::until;
use crate::support::watched::Watched;

impl Watched {
    /// Waits until it says that something stands still: what.
    async fn until_held(&self) -> String {
        until("a partition is held", async || {
            let ready = self.admin.get("/readyz").await;
            let missing = ready.json()["missing"][0].as_str().map(str::to_owned);
            missing.filter(|text| ready.status == 503 && text.contains(" is held for service echo: "))
        })
        .await
    }

    /// What it measures of a partition; none where it does not.
    async fn measured(&self, name: &str, lanes: &Lanes, partition: i32) -> Option<i64> {
        let labels = format!(r#"{{service="echo",topic="{}",partition="{partition}"}} "#, lanes.topic.name);
        let metrics = self.admin.get("/metrics").await;
        let line = metrics.text().lines().find_map(|line| line.strip_prefix(&format!("{name}{labels}")))?;
        Some(line.parse().unwrap())
    }

    async fn lost(&self, lanes: &Lanes, partition: i32) -> Option<i64> {
        self.measured("componentd_consumer_lost_records_total", lanes, partition).await
    }

    /// The errors in its log that tell of lost records.
    fn told(&self) -> Vec<Value> {
        let is_told =
            |line: &Value| line["message"].as_str().is_some_and(|text| text.starts_with("records are lost: "));
        self.process.log().into_iter().filter(|line| line["level"] == "ERROR" && is_told(line)).collect()
    }
}

fn set_on_lost_records(manifest: &ManifestFile, lanes: &Lanes, choice: &str) {
    std::fs::write(manifest.path(), lanes.manifest(&format!("on-lost-records = '{choice}'"))).unwrap();
}

async fn produce(lanes: &Lanes, partition: i32, count: i64) {
    for _ in 0..count {
        lanes.topic.produce(partition, OK).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_while_the_host_was_down_holds_its_partition_until_the_manifest_says_continue() {
    if !is_real_kafka("lost_records").await {
        return;
    }
    let lanes = Lanes::create().await;
    let manifest = ManifestFile::new(&lanes.manifest(""));
    produce(&lanes, 0, 4).await;
    let host = Watched::start(&manifest).await;
    lanes.until_handled(0, 3).await;
    host.stop().await;
    produce(&lanes, 0, 6).await;
    produce(&lanes, 1, 5).await;
    lanes.topic.delete_records(0, 7).await;

    let host = Watched::start(&manifest).await;
    let said = host.until_held().await;
    let gone =
        format!("partition 0 of {} is held for service echo: the broker has deleted 3 records", lanes.topic.name);
    assert!(said.starts_with(&gone) && said.contains("the offsets 4 to 6"), "{said}");
    assert!(said.contains("`on-lost-records = \"continue\"` under [services.echo.kafka]"), "{said}");
    assert_eq!(lanes.until_handled(1, 4).await, up_to(4), "other partitions go on");
    assert_eq!((lanes.handled(0).await, host.lost(&lanes, 0).await), (up_to(3), Some(3)));
    assert_eq!((host.lost(&lanes, 1).await, host.told().len()), (Some(0), 1));
    let told = host.told().remove(0);
    assert_eq!(
        (&told["topic"], &told["partition"], &told["lost"]),
        (&lanes.topic.name.clone().into(), &0.into(), &3.into())
    );

    set_on_lost_records(&manifest, &lanes, "continue");
    assert_eq!(lanes.until_handled(0, 9).await, format!("{},7,8,9", up_to(3)));
    host.until_ready().await;
    assert_eq!((host.lost(&lanes, 0).await, host.told().len()), (Some(3), 1), "none is counted twice");
    host.stop().await;
    assert_eq!(lanes.topic.committed(&lanes.group).await[..2], [Some(10), Some(5)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_up_to_where_the_group_is_is_no_loss() {
    if !is_real_kafka("lost_records").await {
        return;
    }
    let lanes = Lanes::create().await;
    let manifest = ManifestFile::new(&lanes.manifest(""));
    produce(&lanes, 0, 4).await;
    let host = Watched::start(&manifest).await;
    lanes.until_handled(0, 3).await;
    lanes.topic.delete_records(0, 4).await;
    produce(&lanes, 0, 2).await;
    lanes.until_handled(0, 5).await;
    host.stop().await;
    lanes.topic.delete_records(0, 6).await;
    let host = Watched::start(&manifest).await;
    produce(&lanes, 0, 2).await;
    assert_eq!(lanes.until_handled(0, 7).await, up_to(7));
    host.until_ready().await;
    assert_eq!((host.lost(&lanes, 0).await, host.told().len()), (Some(0), 0));
    host.stop().await;
}

/// Where everything is gone, no record comes that would show it.
#[tokio::test(flavor = "multi_thread")]
async fn a_loss_is_told_without_another_record_and_not_again_after_a_restart() {
    if !is_real_kafka("lost_records").await {
        return;
    }
    let lanes = Lanes::create().await;
    let manifest = ManifestFile::new(&lanes.manifest("on-lost-records = 'continue'"));
    let host = Watched::start(&manifest).await;
    host.until_ready().await;
    until("it is at the beginning", async || {
        host.measured("componentd_consumer_lag_records", &lanes, 2).await.filter(|lag| *lag == 0)
    })
    .await;
    host.stop().await;
    produce(&lanes, 2, 5).await;
    lanes.topic.delete_records(2, 5).await;
    let host = Watched::start(&manifest).await;
    until("the loss is counted", async || host.lost(&lanes, 2).await.filter(|lost| *lost == 5)).await;
    until("it is settled", async || (lanes.topic.committed(&lanes.group).await[2] == Some(5)).then_some(())).await;
    host.stop().await;
    let host = Watched::start(&manifest).await;
    produce(&lanes, 2, 1).await;
    assert_eq!(lanes.until_handled(2, 5).await, "5");
    assert_eq!((host.lost(&lanes, 2).await, host.told().len()), (Some(0), 0));
    host.stop().await;
}

/// A record so large that a partition's share of memory is full of forty.
fn large() -> String {
    format!("{OK}{}", " ".repeat(100_000))
}

/// A host whose first partition is handled up to record 0, and then stands still, for Redis is away.
async fn overtaken(choice: &str) -> (Lanes, ManifestFile, Watched, dev_backends::Redis) {
    let mut redis = own_redis().await;
    let lanes = Lanes::create_on(kafka().await, &redis.url()).await;
    let manifest = ManifestFile::new(&lanes.manifest(&format!("on-lost-records = '{choice}', max-backoff = '50ms'")));
    let host = Watched::start(&manifest).await;
    produce(&lanes, 0, 1).await;
    lanes.until_handled(0, 0).await;
    redis.kill9().await;
    for _ in 1..60 {
        lanes.topic.produce(0, &large()).await;
    }
    lanes.topic.delete_records(0, 55).await;
    (lanes, manifest, host, redis)
}

/// The last of the records from 0 on that were in memory when the deletion came.
fn last_in_memory(handled: &str) -> i64 {
    let offsets: Vec<i64> = handled.split(',').map(|offset| offset.parse().unwrap()).collect();
    let last = (0..).zip(&offsets).take_while(|(number, offset)| number == *offset).last();
    last.unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_consumer_that_is_overtaken_goes_on_without_what_is_gone_if_it_may() {
    if !is_real_kafka("lost_records").await {
        return;
    }
    let (lanes, _manifest, host, mut redis) = overtaken("continue").await;
    until("the loss is counted", async || host.lost(&lanes, 0).await.filter(|lost| *lost > 0)).await;
    redis.restart().await.unwrap();
    let handled = lanes.until_handled(0, 59).await;
    let last = last_in_memory(&handled);
    assert!(last < 54, "{handled}");
    assert_eq!(handled, format!("{},{}", up_to(last), offsets(55..=59)), "nothing else is skipped");
    assert_eq!((host.lost(&lanes, 0).await, host.told().len()), (Some(54 - last), 1));
    host.stop().await;
    assert_eq!(lanes.topic.committed(&lanes.group).await[0], Some(60));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_consumer_that_is_overtaken_stops_after_what_it_has_and_still_does_after_a_restart() {
    if !is_real_kafka("lost_records").await {
        return;
    }
    let (lanes, manifest, host, mut redis) = overtaken("stop").await;
    let said = host.until_held().await;
    redis.restart().await.unwrap();
    let first_gone = said.split("the offsets ").nth(1).unwrap().split(' ').next().unwrap().parse::<i64>().unwrap();
    assert_eq!(lanes.until_handled(0, first_gone - 1).await, up_to(first_gone - 1), "what is in memory is handled");
    assert_eq!(host.lost(&lanes, 0).await, Some(55 - first_gone));
    // More of it may be deleted while it waits.
    lanes.topic.delete_records(0, 57).await;
    until("that counts as well", async || host.lost(&lanes, 0).await.filter(|lost| *lost == 57 - first_gone)).await;
    let more = format!("{} records that were not handled, the offsets {first_gone} to 56;", 57 - first_gone);
    assert!(host.until_held().await.contains(&more));
    host.stop().await;
    assert_eq!(lanes.topic.committed(&lanes.group).await[0], Some(first_gone));

    let host = Watched::start(&manifest).await;
    assert!(host.until_held().await.contains(&more));
    assert_eq!((host.lost(&lanes, 0).await, lanes.handled(0).await), (Some(57 - first_gone), up_to(first_gone - 1)));
    set_on_lost_records(&manifest, &lanes, "continue");
    assert_eq!(lanes.until_handled(0, 59).await, format!("{},57,58,59", up_to(first_gone - 1)));
    host.until_ready().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deletion_is_told_of_when_it_comes_near() {
    if !is_real_kafka("lost_records").await {
        return;
    }
    let mut redis = own_redis().await;
    let lanes = Lanes::create_on(kafka().await, &redis.url()).await;
    let manifest = ManifestFile::new(&lanes.manifest("max-backoff = '50ms'"));
    produce(&lanes, 0, 10).await;
    let mut host = Watched::start(&manifest).await;
    lanes.until_handled(0, 9).await;
    redis.kill9().await;
    produce(&lanes, 0, 30).await;
    lanes.topic.delete_records(0, 7).await;
    let line = host.process.line("it comes near", |line| line["level"] == "WARN" && line["margin"] == 3).await;
    assert_eq!(
        (&line["lag"], &line["partition"], &line["topic"]),
        (&30.into(), &0.into(), &lanes.topic.name.clone().into())
    );
    assert_eq!(host.measured("componentd_consumer_retention_margin_records", &lanes, 0).await, Some(3));
    assert_eq!(host.lost(&lanes, 0).await, Some(0), "nothing is lost yet");
    redis.restart().await.unwrap();
    lanes.until_handled(0, 39).await;
    host.process.line("it is over", |line| line["message"] == "gets away from the deletion").await;
    let ready = host.admin.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["warnings"]), (200, &serde_json::json!([])), "{ready:?}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_anew_is_read_from_its_beginning() {
    if !is_real_kafka("lost_records").await {
        return;
    }
    let lanes = Lanes::create().await;
    let manifest = ManifestFile::new(&lanes.manifest("on-lost-records = 'continue'"));
    let host = Watched::start(&manifest).await;
    produce(&lanes, 0, 8).await;
    lanes.until_handled(0, 7).await;
    lanes.topic.delete().await;
    until("it says what it misses", async || {
        let ready = host.admin.get("/readyz").await;
        (ready.status == 503 && ready.text().contains(&lanes.topic.name)).then_some(())
    })
    .await;
    lanes.topic.create_by_admin().await;
    until("the topic is there", async || (lanes.topic.partitions().await == PARTITIONS).then_some(())).await;
    produce(&lanes, 0, 3).await;
    assert_eq!(lanes.until_handled(0, 2).await, format!("{},0,1,2", up_to(7)));
    host.until_ready().await;
    host.stop().await;
}

/// Its disk, say: the offsets of the group are in another topic, and stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_the_broker_has_lost_holds_its_partition_until_the_manifest_says_continue() {
    let Some((mut server, logs)) = own_kafka().await else {
        return assert!(!is_real_kafka("lost_records").await, "it needs COMPONENTD_TEST_KAFKA_JARS");
    };
    let kafka = Kafka::Real { brokers: server.url(), _own: None };
    let lanes = Lanes::create_on(&kafka, redis().await).await;
    let manifest = ManifestFile::new(&lanes.manifest(""));
    let host = Watched::start(&manifest).await;
    produce(&lanes, 0, 8).await;
    lanes.until_handled(0, 7).await;
    until("it is committed", async || (lanes.topic.committed(&lanes.group).await[0] == Some(8)).then_some(())).await;
    server.stop().await;
    std::fs::remove_dir_all(logs.join(format!("{}-0", lanes.topic.name))).unwrap();
    server.restart().await.unwrap();
    let said = host.until_held().await;
    assert!(said.contains("the group is at offset 8, which the broker does not have"), "{said}");
    assert_eq!(host.told().len(), 1);
    produce(&lanes, 0, 3).await;
    set_on_lost_records(&manifest, &lanes, "continue");
    assert_eq!(lanes.until_handled(0, 2).await, format!("{},0,1,2", up_to(7)), "nothing new is skipped");
    host.until_ready().await;
    until("it is settled", async || (lanes.topic.committed(&lanes.group).await[0] == Some(3)).then_some(())).await;
    host.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_is_added_is_read_from_its_beginning() {
    if !is_real_kafka("lost_records").await {
        return;
    }
    let lanes = Lanes::create().await;
    let manifest = ManifestFile::new(&lanes.manifest(""));
    let host = Watched::start(&manifest).await;
    produce(&lanes, 0, 1).await;
    lanes.until_handled(0, 0).await;
    lanes.topic.add_partitions(5).await;
    until("the partition is there", async || (lanes.topic.partitions().await == 5).then_some(())).await;
    produce(&lanes, 4, 3).await;
    assert_eq!(lanes.until_handled(4, 2).await, up_to(2));
    host.stop().await;
}
