//! The embedded broker speaks the protocol to real clients.

use dev_backends::EmbeddedKafka;

use crate::kafka_client::{consume, produce};

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
