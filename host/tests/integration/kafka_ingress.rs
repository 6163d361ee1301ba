//! Records as a component gets them: in order, at least once, and never stuck.

use std::time::{Duration, Instant};

use rdkafka::Message;

use crate::support::host::{admin, invocations, start};
use crate::support::kafka::{PARTITIONS, header};
use crate::support::lanes::{Lanes, OK, up_to};
use crate::support::wait::until;

#[tokio::test(flavor = "multi_thread")]
async fn each_partition_is_handled_in_order_also_where_records_are_tried_again() {
    let lanes = Lanes::create().await;
    for partition in 0..PARTITIONS {
        for number in 0..8 {
            let payload = if number % 3 == partition % 3 { r#"{"do":"retry","times":2}"# } else { OK };
            lanes.topic.produce(partition, payload).await;
        }
    }
    let host = lanes.consume("attempts = 3").await;
    for partition in 0..PARTITIONS {
        assert_eq!(lanes.until_handled(partition, 7).await, up_to(7));
    }
    host.stop().await;
    assert!(lanes.letters.records().await.is_empty());
    assert_eq!(lanes.topic.committed(&lanes.group).await, vec![Some(8); 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_tried_again_holds_up_its_own_partition_only() {
    let lanes = Lanes::create().await;
    lanes.topic.produce(0, r#"{"do":"retry"}"#).await;
    lanes.topic.produce(0, OK).await;
    for _ in 0..5 {
        lanes.topic.produce(1, OK).await;
    }
    let host = lanes.consume("attempts = 1000000, max-backoff = '50ms'").await;
    lanes.until_handled(1, 4).await;
    assert_eq!(lanes.handled(0).await, "");
    host.stop().await;
    assert_eq!(lanes.topic.committed(&lanes.group).await[..2], [Some(0), Some(5)], "it comes again after a restart");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_handled_becomes_a_dead_letter_and_the_next_record_has_its_turn() {
    let lanes = Lanes::create().await;
    let wrong = [
        (r#"{"do":"retry"}"#, "3", "asked to retry, attempt 3"),
        (r#"{"do":"reject"}"#, "1", "asked to reject"),
        (r#"{"do":"trap"}"#, "3", "trap"),
        (r#"{"do":"spin"}"#, "3", "limits.cpu"),
        ("no order", "1", "expected"),
    ];
    for (payload, _, _) in wrong {
        lanes.topic.produce(2, payload).await;
    }
    let last = lanes.topic.produce(2, OK).await;
    let host = lanes.consume("attempts = 3").await;
    assert_eq!(lanes.until_handled(2, last).await, "5");
    for (outcome, count) in [("retry", 3), ("reject", 2), ("trap", 3), ("cpu", 3), ("ok", 1)] {
        let counted = async || (invocations(&admin(&host), "echo", outcome).await == count).then_some(());
        until(&format!("{count} ended with {outcome}"), counted).await;
    }
    host.stop().await;

    let mut letters = lanes.letters.records().await;
    letters.sort_by_key(|letter| header(letter, "dead-letter-offset"));
    assert_eq!(letters.len(), wrong.len());
    for (offset, (letter, (payload, attempts, reason))) in letters.iter().zip(wrong).enumerate() {
        assert_eq!((letter.payload(), letter.key()), (Some(payload.as_bytes()), Some(b"key".as_slice())));
        let told = |name: &str| header(letter, &format!("dead-letter-{name}")).unwrap_or_default();
        assert!(told("reason").contains(reason), "{payload}: {}", told("reason"));
        assert_eq!((told("attempts").as_str(), told("service").as_str()), (attempts, "echo"), "{payload}");
        assert_eq!((told("topic"), told("partition").as_str()), (lanes.topic.name.clone(), "2"));
        assert_eq!(told("offset"), offset.to_string());
        assert!(told("version").starts_with("sha256:"));
    }
    assert_eq!(lanes.topic.committed(&lanes.group).await[2], Some(6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_the_middle_repeats_and_skips_nothing() {
    const COUNT: i64 = 120;
    let lanes = Lanes::create().await;
    for _ in 0..COUNT {
        lanes.topic.produce(0, r#"{"do":"sleep","ms":10}"#).await;
    }
    for stop_after in [20, 60] {
        let host = lanes.consume("attempts = 3").await;
        let far = async || (lanes.handled(0).await.split(',').count() >= stop_after).then_some(());
        until("some are handled", far).await;
        host.stop().await;
        let handled = lanes.handled(0).await.split(',').count();
        assert_eq!(lanes.topic.committed(&lanes.group).await[0], Some(i64::try_from(handled).unwrap()));
    }
    let host = lanes.consume("attempts = 3").await;
    assert_eq!(lanes.until_handled(0, COUNT - 1).await, up_to(COUNT - 1));
    host.stop().await;
}

/// At least once: what is in flight when a partition changes hands comes again.
fn without_repeats(list: &str) -> String {
    let mut offsets: Vec<&str> = list.split(',').collect();
    offsets.dedup();
    offsets.join(",")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_share_the_partitions_of_a_group() {
    let lanes = Lanes::create().await;
    let one = lanes.consume("attempts = 3").await;
    lanes.topic.produce(0, OK).await;
    lanes.until_handled(0, 0).await;
    let two = lanes.consume("attempts = 3").await;
    for _ in 0..20 {
        for partition in 0..PARTITIONS {
            lanes.topic.produce(partition, OK).await;
        }
    }
    for partition in 0..PARTITIONS {
        let last = if partition == 0 { 20 } else { 19 };
        assert_eq!(without_repeats(&lanes.until_handled(partition, last).await), up_to(last));
    }
    one.stop().await;
    for partition in 0..PARTITIONS {
        let last = lanes.topic.produce(partition, OK).await;
        assert_eq!(without_repeats(&lanes.until_handled(partition, last).await), up_to(last));
    }
    two.stop().await;
}

/// It could not handle what it took, and nobody else would.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_waits_for_its_database_takes_no_partition_from_others() {
    /// A member that joins has its partitions within the heartbeat interval of the others, 2 s.
    const JOINS_WITHIN: Duration = Duration::from_secs(5);
    let lanes = Lanes::create().await;
    let one = lanes.consume("").await;
    lanes.topic.produce(0, OK).await;
    lanes.until_handled(0, 0).await;
    // Nothing listens on port 1.
    let manifest =
        lanes.manifest("").replace("[backends]", "[backends]\npostgres = { url = 'postgres://127.0.0.1:1' }");
    let two =
        start(&manifest.replace("grants.redis", "grants.postgres.any = { database = 'any' }\ngrants.redis")).await;
    let missing = admin(&two).get("/readyz").await;
    assert!(missing.status == 503 && missing.text().contains("echo cannot be called yet"), "{missing:?}");
    let both_run = Instant::now();
    while both_run.elapsed() < JOINS_WITHIN {
        for partition in 0..PARTITIONS {
            let last = lanes.topic.produce(partition, OK).await;
            lanes.until_handled(partition, last).await;
        }
    }
    two.stop().await;
    one.stop().await;
}
