//! Records that a transaction publishes: sent if it commits, at least once, in order.

use dev_backends::EmbeddedKafka;
use rdkafka::Message;
use serde_json::{Value, json};

use crate::support::host::{ADMIN, admin, metric};
use crate::support::kafka::{Topic, header};
use crate::support::probe::{HTTP_GRANT, Probe};
use crate::support::servers::{Kafka, connect, postgres};
use crate::support::wait::until;

fn published(topic: &Topic, payload: &str, mode: &str) -> Value {
    let record = json!({ "topic": topic.name, "key": "one", "payload": payload });
    json!({ "database": "main", "sql": "select 1", "mode": mode, "publish": [record] })
}

fn payloads(records: &[rdkafka::message::OwnedMessage]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8_lossy(record.payload().unwrap()).into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_committed_is_sent_and_in_order() {
    let probe = Probe::start(HTTP_GRANT).await;
    let calls = probe.calls();
    for (number, mode) in
        ["rollback", "drop-transaction", "leave-transaction", "trap-in-transaction"].iter().enumerate()
    {
        calls.post("/sql", &published(&probe.topic, &format!("never {number}"), mode)).await;
    }
    let sent: Vec<String> = (0..60).map(|number| number.to_string()).collect();
    for payload in &sent {
        let answer = calls.post("/sql", &published(&probe.topic, payload, "commit")).await;
        assert_eq!(answer.json()["rows"].as_array().map(Vec::len), Some(1), "{answer:?}");
    }
    let records = probe.topic.wait_for(sent.len()).await;
    assert_eq!(payloads(&records), sent);
    let ids: std::collections::BTreeSet<_> = records.iter().map(|record| header(record, "event-id").unwrap()).collect();
    assert_eq!(ids.len(), sent.len(), "each has an event-id of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_published_is_refused() {
    let probe = Probe::shared().await;
    let elsewhere = Topic::existing(&probe.topic.brokers, "elsewhere");
    let answer = probe.calls().post("/sql", &published(&elsewhere, "denied", "commit")).await;
    assert_eq!(answer.json()["error"]["kind"], "denied", "{answer:?}");
    let answer = probe.calls().post("/sql", &published(&probe.topic, &"x".repeat(1_100_000), "commit")).await;
    assert_eq!(answer.json()["error"]["kind"], "unpublishable", "{answer:?}");
}

/// What a relay holds while it sends: `TAKE_TURN` in `outbox.rs`.
const TAKE_TURN: &str = "begin; select from componentd_host.turns for update";

/// The age of the oldest record that is not sent, in seconds. A relay says it between two tries.
async fn age(probe: &Probe) -> Option<f64> {
    let oldest = "componentd_outbox_oldest_seconds{service=\"probe\",database=\"main\"}";
    metric(&admin(probe.host()), oldest).await
}

/// The test stands in for a relay of another host.
#[tokio::test(flavor = "multi_thread")]
async fn while_another_host_sends_a_relay_waits_its_turn() {
    let probe = Probe::start(&format!("{HTTP_GRANT}\n{ADMIN}")).await;
    let mut other = connect(postgres().await, &probe.database).await;
    sqlx::raw_sql(TAKE_TURN).execute(&mut other).await.unwrap();
    let answer = probe.calls().post("/sql", &published(&probe.topic, "later", "commit")).await;
    assert!(answer.json()["rows"].is_array(), "{answer:?}");
    // It was woken by the commit, and looks once a second besides.
    until("it has looked several times", async || age(&probe).await.filter(|seconds| *seconds > 3.0)).await;
    assert_eq!(probe.topic.records().await.len(), 0);
    sqlx::raw_sql("rollback").execute(&mut other).await.unwrap();
    assert_eq!(payloads(&probe.topic.wait_for(1).await), ["later"]);
}

/// How long a relay waits for the brokers before it takes a batch back: `SEND_TIMEOUT` in `outbox.rs`, in seconds.
const SEND_TIMEOUT: f64 = 20.0;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_brokers_have_not_acknowledged_stays_and_is_sent_later() {
    let kafka = Kafka::Embedded(EmbeddedKafka::start().unwrap());
    let Kafka::Embedded(broker) = &kafka else { unreachable!() };
    let probe = Probe::start_on(&kafka, 4, &format!("{HTTP_GRANT}\n{ADMIN}")).await;
    broker.down().unwrap();
    let sent = ["one", "two", "three"];
    for payload in sent {
        let answer = probe.calls().post("/sql", &published(&probe.topic, payload, "commit")).await;
        assert!(answer.json()["rows"].is_array(), "{answer:?}");
    }
    until("a batch was taken back", async || age(&probe).await.filter(|seconds| *seconds > SEND_TIMEOUT)).await;
    broker.up().unwrap();
    assert_eq!(payloads(&probe.topic.wait_for(sent.len()).await), sent);
}
