//! The real broker, where `cargo xtask test` has fetched its jars.

use std::path::PathBuf;

use dev_backends::{ApacheKafka, Scratch};

use crate::kafka_client::{consume, produce};

#[tokio::test]
async fn records_and_offsets_outlive_a_kill() {
    let Some(jars) = std::env::var_os("COMPONENTD_TEST_KAFKA_JARS").map(PathBuf::from) else {
        return eprintln!("no Apache Kafka: COMPONENTD_TEST_KAFKA_JARS is not set, use `cargo xtask test`");
    };
    let scratch = Scratch::new().unwrap();
    let mut kafka = ApacheKafka::start(&jars, scratch.path(), 0).await.unwrap();
    let brokers = kafka.url();
    produce(&brokers, "one").await;
    assert_eq!(consume(&brokers).await, "one");

    produce(&brokers, "two").await;
    kafka.kill9().await;
    kafka.restart().await.unwrap();
    assert_eq!(kafka.url(), brokers);
    assert_eq!(consume(&brokers).await, "two");
    kafka.stop().await;
}
