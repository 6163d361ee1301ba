//! Records in an outbox that no broker will take.

use rdkafka::Message;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection, query_scalar, raw_sql};

use crate::support::host::{ADMIN, admin, metric};
use crate::support::kafka::Topic;
use crate::support::probe::{HTTP_GRANT, Probe};
use crate::support::servers::{connect, is_real_kafka, postgres};
use crate::support::wait::until;

/// Longer than the brokers take by default.
const LARGE: usize = 1_100_000;

async fn outbox(probe: &Probe, what: &str) -> Option<f64> {
    metric(&admin(probe.host()), &format!("componentd_outbox_{what}records{{service=\"probe\",database=\"main\"}}"))
        .await
}

/// The lengths of what was set aside, as soon as there are so many.
async fn set_aside(database: &mut PgConnection, count: usize) -> Vec<i32> {
    until("records are set aside", async || {
        let lengths: Vec<i32> = query_scalar("SELECT length(payload) FROM componentd_host.too_large ORDER BY id")
            .fetch_all(&mut *database)
            .await
            .unwrap();
        (lengths.len() == count).then_some(lengths)
    })
    .await
}

fn publish(topic: &Topic, payloads: &[String]) -> Value {
    let record = |payload| json!({ "topic": topic.name, "key": "one", "payload": payload });
    let records: Vec<_> = payloads.iter().map(record).collect();
    json!({ "database": "main", "sql": "select 1", "mode": "commit", "publish": records })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_no_broker_takes_holds_up_no_other() {
    let probe = Probe::start(&format!("{HTTP_GRANT}\n{ADMIN}")).await;
    let mut database = connect(postgres().await, &probe.database).await;
    let large = format!(
        "INSERT INTO componentd_host.outbox (topic, key, header_names, header_values, payload)
         VALUES ('{}', 'one', '{{}}', '{{}}', repeat('x', {LARGE})::bytea)",
        probe.topic.name
    );
    raw_sql(AssertSqlSafe(large)).execute(&mut database).await.unwrap();
    probe.calls().post("/sql", &publish(&probe.topic, &["after".to_owned()])).await.expect(200);
    assert_eq!(probe.topic.wait_for(1).await[0].payload(), Some(&b"after"[..]));
    assert_eq!(set_aside(&mut database, 1).await, [LARGE as i32]);
    until("it is measured", async || (outbox(&probe, "too_large_").await == Some(1.0)).then_some(())).await;
    assert_eq!(outbox(&probe, "").await, Some(0.0));
}

/// Brokers refuse for its size what has come together, and not each record by itself.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_too_large_alone_is_set_aside() {
    if !is_real_kafka("floods::outbox").await {
        return;
    }
    let probe = Probe::start(HTTP_GRANT).await;
    probe.topic.limit(2_000).await;
    let sizes = [900, 3_000, 901, 902, 903, 904];
    let payloads: Vec<_> = sizes.iter().map(|size| "x".repeat(*size)).collect();
    probe.calls().post("/sql", &publish(&probe.topic, &payloads)).await.expect(200);
    let mut sent: Vec<_> =
        probe.topic.wait_for(sizes.len() - 1).await.iter().map(|record| record.payload().unwrap().len()).collect();
    sent.sort_unstable();
    assert_eq!(sent, [900, 901, 902, 903, 904]);
    let mut database = connect(postgres().await, &probe.database).await;
    assert_eq!(set_aside(&mut database, 1).await, [3_000]);
}
