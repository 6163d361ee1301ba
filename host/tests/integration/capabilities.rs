//! The capabilities that need few words: the Kafka producer and the configuration.

use serde_json::json;

use crate::support::kafka::header;
use crate::support::probe::Probe;
use rdkafka::Message;

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_on_kafka_when_the_component_hears_of_it() {
    let probe = Probe::shared().await;
    let topic = &probe.topic;
    let record = json!({ "topic": topic.name, "key": "k", "headers": { "event-id": "1" }, "payload": "hello" });
    let delivery = probe.calls().kafka(record).await;
    let records = topic.records().await;
    let record = records.iter().find(|record| record.payload() == Some(b"hello")).unwrap();
    assert_eq!(json!({ "partition": record.partition(), "offset": record.offset() }), delivery);
    assert_eq!((record.key(), header(record, "event-id").as_deref()), (Some(b"k".as_slice()), Some("1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_payload_is_a_tombstone() {
    let probe = Probe::shared().await;
    probe.calls().kafka(json!({ "topic": probe.topic.name, "key": "gone" })).await;
    let records = probe.topic.records().await;
    assert!(records.iter().any(|record| record.key() == Some(b"gone") && record.payload().is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_granted_is_denied() {
    let answer = Probe::shared().await.calls().kafka(json!({ "topic": "orders", "payload": "x" })).await;
    let reason = "`grants.kafka.produce` does not name the topic \"orders\"";
    assert_eq!(answer, json!({ "error": { "kind": "denied", "reason": reason } }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_can_be_too_large() {
    let probe = Probe::shared().await;
    let record = json!({ "topic": probe.topic.name, "payload": "x".repeat(2 << 20) });
    assert_eq!(probe.calls().kafka(record).await["error"]["kind"], "too-large");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_the_manifests() {
    assert_eq!(Probe::shared().await.calls().config().await, json!({ "greeting": "hello", "empty": "" }));
}
