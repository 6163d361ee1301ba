//! Components that would have more of Postgres than their grant, or keep it.

use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::support::probe::{HTTP_GRANT, Probe};
use crate::support::servers::{connect, postgres};
use crate::support::wait::until;

/// The sessions of a database, but for the one that asks, and those that are at a statement.
async fn sessions(asks: &mut PgConnection) -> (i64, i64) {
    let sql = "select count(*), count(*) filter (where state = 'active') from pg_stat_activity \
               where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'";
    sqlx::query_as(sql).fetch_one(asks).await.unwrap()
}

/// Puts its own statements under the names of those that the host has prepared, as far as there are any.
const TAKE_NAMES: &str = "do $$ begin for n in 1..64 loop
    begin execute 'deallocate sqlx_s_' || n; exception when others then null; end;
    begin execute format('prepare sqlx_s_%s as select 666', n); exception when others then null; end;
    end loop; end $$";

/// Takes the names away, and puts nothing there.
const DROP_NAMES: &str = "do $$ begin execute 'deallocate all'; end $$";

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_of_a_guest_is_run_in_place_of_anothers() {
    let probe = Probe::start_alone(HTTP_GRANT).await;
    let calls = probe.calls();
    for hostile in [TAKE_NAMES, DROP_NAMES] {
        assert_eq!(calls.row("select 40 + 2", json!([])).await, [json!({ "type": "int4", "value": 42 })]);
        calls.sql(hostile, json!([])).await;
        for _ in 0..2 {
            let row = calls.row("select 40 + 2", json!([])).await;
            assert_eq!(row, [json!({ "type": "int4", "value": 42 })], "{hostile}");
        }
    }
}

/// Neither the server's own limit nor its look at whether the client is there ends what follows.
fn without_limits(sql: &str) -> Value {
    let before = ["statement_timeout", "client_connection_check_interval", "idle_in_transaction_session_timeout"];
    let before = before.map(|name| format!("select set_config('{name}', '0', false)"));
    json!({ "database": "main", "sql": sql, "mode": "commit", "before": before })
}

const SLEEPS: &str = "select pg_sleep(86400)::text";

/// Is told to end, and goes on.
const CATCHES: &str = "do $$ begin loop
    begin perform pg_sleep(86400); exception when query_canceled then null; end;
    end loop; end $$";

#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_gives_up_ends_on_the_server_too() {
    let probe = Probe::start(&format!("{HTTP_GRANT}\nlimits = {{ call-timeout = '300ms', timeout = '20s' }}")).await;
    let quiet = Probe::shared().await;
    let mut asks = connect(postgres().await, &probe.database).await;
    for hostile in [SLEEPS, CATCHES] {
        for _ in 0..3 {
            let calls = probe.calls();
            let request = without_limits(hostile);
            let all = [(); 4].map(|()| calls.post("/sql", &request));
            for reply in futures_util::future::join_all(all).await {
                let kind = &reply.json()["error"]["kind"];
                assert!(["timeout", "unavailable"].iter().any(|expected| kind == expected), "{reply:?}");
            }
            let (all, _) = sessions(&mut asks).await;
            assert!(all <= 4 + 3, "{all} sessions, with the relay's, the one that ends others, and the one before it");
            assert_eq!(quiet.calls().row("select 1", json!([])).await.len(), 1, "another service is served meanwhile");
        }
        until("nothing is left at work", async || (sessions(&mut asks).await.1 == 0).then_some(())).await;
        let row = until("there are connections again", async || {
            probe.calls().sql("select 1", json!([])).await["rows"].as_array().cloned()
        });
        assert_eq!(row.await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_ends_leaves_nothing_at_work() {
    let probe = Probe::start(&format!("{HTTP_GRANT}\nlimits = {{ call-timeout = '60s', timeout = '1s' }}")).await;
    let mut asks = connect(postgres().await, &probe.database).await;
    let calls = probe.calls();
    let request = without_limits(CATCHES);
    let hostile = tokio::spawn(async move { calls.post("/sql", &request).await.status });
    until("it is at work", async || (sessions(&mut asks).await.1 > 0).then_some(())).await;
    probe.stop().await;
    assert!(hostile.await.unwrap() >= 500);
    until("nothing is left", async || (sessions(&mut asks).await.0 == 0).then_some(())).await;
}

/// What a relay of version 0.2 locked, and any number else that somebody may think of.
const LOCKS: &str = "select pg_advisory_lock(id) from unnest(array[x'636d70640001'::int8, x'636d70640002'::int8]) id";

#[tokio::test(flavor = "multi_thread")]
async fn no_lock_of_a_guest_stops_the_outbox() {
    let probe = Probe::start(HTTP_GRANT).await;
    let mut guest = connect(postgres().await, &probe.database).await;
    sqlx::raw_sql(LOCKS).execute(&mut guest).await.unwrap();
    let record = json!({ "topic": probe.topic.name, "key": "one", "payload": "sent" });
    let publish = json!({ "database": "main", "sql": "select 1", "mode": "commit", "publish": [record] });
    let answer = probe.calls().post("/sql", &publish).await;
    assert!(answer.json()["rows"].is_array(), "{answer:?}");
    assert_eq!(probe.topic.wait_for(1).await.len(), 1);
}
