//! The embedded broker speaks the protocol to real clients.

use std::time::Duration;

use dev_backends::EmbeddedKafka;

use crate::kafka_client::{Reader, consume, flood, pace, produce};

#[tokio::test]
async fn takes_records_and_remembers_offsets_even_when_it_was_away() {
    let kafka = EmbeddedKafka::start().unwrap();
    produce(&kafka.url(), "one").await;
    assert_eq!(consume(&kafka.url()).await, "one");

    kafka.down().unwrap();
    kafka.up().unwrap();
    produce(&kafka.url(), "two").await;
    assert_eq!(consume(&kafka.url()).await, "two");
}

/// The store's orders and mails: the first come faster than the second are sent.
#[tokio::test(flavor = "multi_thread")]
async fn producers_wait_for_a_group_that_falls_behind_and_nothing_that_it_has_not_read_is_dropped() {
    const RECORDS: i64 = 10_000;
    let kafka = EmbeddedKafka::start_for(&[("orders", "slow")]).unwrap();
    let written = tokio::spawn(flood(kafka.url(), RECORDS));
    let reader = Reader::new(&kafka.url());
    let (mut read, mut pace) = (0, pace(Duration::from_millis(20)));
    while read < RECORDS {
        let (low, high) = reader.watermarks();
        assert_eq!(low.max(read), read, "a record was dropped before it was read");
        assert!(high - read < 5_000, "{} records of 1 KiB wait, and the log has room for 5 MiB", high - read);
        // Slower than they come, until all are there.
        read = (read + 200).min(high);
        reader.commit(read);
        pace.tick().await;
    }
    assert_eq!(written.await.unwrap(), RECORDS);
}
