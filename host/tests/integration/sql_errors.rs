//! What goes wrong with a statement, and what the component is told of it.

use serde_json::{Value, json};
use sqlx::Executor;

use crate::support::probe::{HTTP_GRANT, Probe};
use crate::support::servers::{connect, postgres};
use crate::support::unique;
use crate::support::wait::until;

async fn error(sql: &str, params: Value) -> Value {
    let answer = Probe::shared().await.calls().sql(sql, params).await;
    assert!(answer["error"].is_object(), "{sql}: {answer}");
    answer["error"].clone()
}

/// The parameter that is wrong, and the reason.
async fn misfit(sql: &str, params: Value) -> (u64, String) {
    let error = error(sql, params).await;
    assert_eq!(error["kind"], "invalid-parameter", "{error}");
    (error["position"].as_u64().unwrap(), error["reason"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_does_not_fit_is_named_by_its_place_and_types() {
    for (case, value, sql_type) in [
        ("int4", json!(32_768), "int2"),
        ("int8", json!(i64::MAX), "int4"),
        ("int8", json!(9_007_199_254_740_993_i64), "float8"),
        ("int4", json!(16_777_217), "float4"),
        ("float8", json!(0.1), "float4"),
        ("float8", json!(1.0), "int4"),
        ("float4", json!(1.5), "numeric"),
        ("text", json!("5"), "int4"),
        ("int4", json!(5), "text"),
        ("boolean", json!(true), "int4"),
        ("timestamp", json!("2026-11-22T10:15:30"), "timestamptz"),
        ("date", json!("2026-11-22"), "timestamp"),
        ("int4-array", json!([1]), "int4"),
        ("int4", json!(1), "int4[]"),
        ("text-array", json!(["a"]), "int4[]"),
        ("bytea", json!([1]), "text"),
    ] {
        let params = json!([{ "type": "boolean", "value": true }, { "type": case, "value": value }]);
        let (position, reason) = misfit(&format!("select $1::bool, $2::{sql_type}"), params).await;
        let given =
            if sql_type.ends_with("[]") && case.ends_with("-array") { case.trim_end_matches("-array") } else { case };
        assert_eq!(position, 2, "{reason}");
        assert!(reason.contains(given) && reason.contains(sql_type), "{case} as {sql_type}: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_no_such_value_is_named_as_well() {
    for (case, text) in [
        ("numeric", "1e5"),
        ("numeric", "twelve"),
        ("numeric", ""),
        ("uuid", "67e55044"),
        ("date", "2026-02-30"),
        ("date", "22.11.2026"),
        ("time", "25:00:00"),
        ("time", "00:00:00.0000001"),
        ("timestamp", "2026-11-22 10:15"),
        ("timestamptz", "2026-11-22T10:15:30"),
        ("json", "{"),
        ("jsonb", "nul"),
        ("text", "NUL \0"),
    ] {
        let (position, _) = misfit(&format!("select $1::{case}"), json!([{ "type": case, "value": text }])).await;
        assert_eq!(position, 1, "{case} {text:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_parameters_must_be_right() {
    let one = json!({ "type": "int4", "value": 1 });
    let (position, reason) = misfit("select $1::int4, $2::int4", json!([one])).await;
    assert_eq!((position, reason.as_str()), (2, "the statement has 2 parameters, the call 1"));
    let (position, reason) = misfit("select 1", json!([one, one])).await;
    assert_eq!((position, reason.as_str()), (1, "the statement has 0 parameters, the call 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_without_a_case_is_named_with_its_column() {
    for sql in
        ["select point(1, 2) as place", "select '[1,2]'::int4range as place", "select '{2026-11-22}'::date[] as place"]
    {
        let error = error(sql, json!([])).await;
        assert_eq!(error["kind"], "unsupported-type", "{sql}");
        assert!(error["reason"].as_str().unwrap().contains("\"place\""), "{error}");
    }
    assert_eq!(error("select '{{1,2},{3,4}}'::int4[]", json!([])).await["kind"], "unsupported-type");
    let (position, reason) = misfit("select $1::point", json!([{ "type": "text", "value": "(1,2)" }])).await;
    assert!(position == 1 && reason.contains("point"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_granted_is_denied() {
    let calls = Probe::shared().await.calls();
    for alias in ["other", "", "postgres", "MAIN"] {
        let answer = calls.statement("select 1", json!([]), json!({ "database": alias })).await;
        assert_eq!(answer["error"]["kind"], "denied");
        assert!(answer["error"]["reason"].as_str().unwrap().contains(&format!("grants.postgres.{alias}")), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_postgres_refuses_comes_with_its_sqlstate_and_names() {
    let (probe, table) = (Probe::shared().await, unique("accounts"));
    let create = format!("create table {table} (email text constraint {table}_once unique, age int not null)");
    connect(postgres().await, &probe.database).await.execute(sqlx::AssertSqlSafe(create)).await.unwrap();
    let insert = format!("insert into {table} values ('a', 1)");
    let calls = probe.calls();
    assert_eq!(calls.statement(&insert, json!([]), json!({ "mode": "execute" })).await, json!({ "changed": 1 }));

    let repeated = error(&insert, json!([])).await;
    assert_eq!((&repeated["kind"], &repeated["sqlstate"]), (&json!("database"), &json!("23505")));
    assert_eq!((&repeated["constraint"], &repeated["table"]), (&json!(format!("{table}_once")), &json!(table)));
    let missing = error(&format!("insert into {table} values ('b')"), json!([])).await;
    assert_eq!((&missing["sqlstate"], &missing["column"]), (&json!("23502"), &json!("age")));
    assert_eq!(error("select * from nowhere", json!([])).await["sqlstate"], "42P01");
    assert_eq!(error("selekt 1", json!([])).await["sqlstate"], "42601");
    assert_eq!(error("select 1 / 0", json!([])).await["sqlstate"], "22012");
}

/// Each comes from Postgres itself, which a function makes say it.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_the_server_is_no_fault_of_the_statement() {
    let (probe, function) = (Probe::shared().await, unique("fails"));
    let create = format!(
        "create function {function}(code text) returns int language plpgsql as
         $$ begin raise exception 'as it was told' using errcode = code; end $$"
    );
    connect(postgres().await, &probe.database).await.execute(sqlx::AssertSqlSafe(create)).await.unwrap();
    for (sqlstate, kind) in [
        ("53100", "unavailable"),
        ("53200", "unavailable"),
        ("57000", "unavailable"),
        ("57P01", "unavailable"),
        ("57P04", "unavailable"),
        ("58000", "unavailable"),
        ("58030", "unavailable"),
        ("58P01", "unavailable"),
        ("XX000", "unavailable"),
        ("XX001", "unavailable"),
        ("57014", "timeout"),
        ("54001", "database"),
        ("55P03", "database"),
        ("P0001", "database"),
    ] {
        let sql = format!("select {function}('{sqlstate}')");
        assert_eq!(error(&sql, json!([])).await["kind"], kind, "{sqlstate}");
        let in_transaction = probe.calls().statement(&sql, json!([]), json!({ "mode": "commit" })).await;
        assert_eq!(in_transaction["error"]["kind"], kind, "{sqlstate}: {in_transaction}");
    }
    assert_eq!(probe.calls().row("select 1", json!([])).await[0]["value"], 1, "the next connection is a good one");
}

/// It refuses with 55000, which within a statement would be the statement's own fault.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lets_nobody_in_is_unavailable() {
    let probe = Probe::start_alone(HTTP_GRANT).await;
    let (calls, mut admin) = (probe.calls(), connect(postgres().await, "postgres").await);
    let name = &probe.database;
    let lock = format!("alter database {name} allow_connections false");
    admin.execute(sqlx::AssertSqlSafe(lock)).await.unwrap();
    let end = format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'");
    until("nobody is connected", async || {
        sqlx::query(sqlx::AssertSqlSafe(end.clone())).fetch_all(&mut admin).await.unwrap().is_empty().then_some(())
    })
    .await;
    until("the old connection is gone", async || {
        let error = calls.sql("select 1", json!([])).await["error"].clone();
        assert_eq!(error["kind"], "unavailable", "{error}");
        error["reason"].as_str().unwrap().contains("not currently accepting connections").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_statement_a_call() {
    let (calls, table) = (Probe::shared().await.calls(), unique("smuggled"));
    let sql = format!("select 1; create table {table} ()");
    assert_eq!(calls.sql(&sql, json!([])).await["error"]["sqlstate"], "42601");
    let sql = format!("select to_regclass('{table}') is null");
    assert_eq!(calls.row(&sql, json!([])).await[0]["value"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_have_names_and_types() {
    let (calls, describe) = (Probe::shared().await.calls(), json!({ "mode": "describe" }));
    let sql = "select $1::int8 as one, 'x'::text, array['a'] as list, '(1,2)'::point";
    let expected = json!([
        { "name": "one", "type": "int8" }, { "name": "text", "type": "text" }, { "name": "list", "type": "text[]" },
        { "name": "point", "type": "point" },
    ]);
    assert_eq!(calls.statement(sql, json!([]), describe.clone()).await["columns"], expected);
    assert_eq!(calls.statement("create table t ()", json!([]), describe.clone()).await["columns"], json!([]));
    let unknown = calls.statement("select of_its_own from own", json!([]), describe).await;
    assert_eq!(unknown["error"]["sqlstate"], "42P01", "it is not there outside of the transaction that makes it");
    let own = json!({ "mode": "describe-in-transaction" });
    let answer = calls.statement("select of_its_own from own", json!([]), own).await;
    assert_eq!(answer, json!({ "columns": [{ "name": "of_its_own", "type": "int4" }] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_statement_is_a_timeout() {
    let (probe, mark) = (Probe::shared().await, unique("mark"));
    let sql = format!("select pg_sleep(600)::text as {mark}");
    let sleeping = tokio::spawn(async move { probe.calls().sql(&sql, json!([])).await });
    let mut admin = connect(postgres().await, &probe.database).await;
    let cancel = format!(
        "select pg_cancel_backend(pid) from pg_stat_activity where query like '%{mark}%' and pid <> pg_backend_pid() and state = 'active'"
    );
    until("the statement is cancelled", async || {
        let cancelled = sqlx::query(sqlx::AssertSqlSafe(cancel.clone())).fetch_all(&mut admin).await.unwrap();
        (!cancelled.is_empty()).then_some(())
    })
    .await;
    assert_eq!(sleeping.await.unwrap()["error"]["kind"], "timeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_limited_in_rows_and_bytes_and_statements_in_time() {
    let limits = "limits = { rows = 10, transfer = '64KiB', call-timeout = '500ms', timeout = '60s' }";
    let probe = Probe::start(&format!("{HTTP_GRANT}\n{limits}")).await;
    let calls = probe.calls();
    let rows = async |count: i32| calls.sql(&format!("select generate_series(1, {count})"), json!([])).await;
    assert_eq!(rows(10).await["rows"].as_array().unwrap().len(), 10);
    assert_eq!(
        rows(11).await["error"],
        json!({ "kind": "result-too-large", "reason": "the result has more than 10 rows (limits.rows)" })
    );
    let text = async |size: i32| calls.sql(&format!("select repeat('x', {size})"), json!([])).await;
    assert_eq!(text(60_000).await["rows"][0][0]["value"].as_str().unwrap().len(), 60_000);
    let reason = "the result has more than 65536 bytes (limits.transfer)";
    assert_eq!(text(70_000).await["error"], json!({ "kind": "result-too-large", "reason": reason }));
    assert_eq!(calls.sql("select pg_sleep(600)::text", json!([])).await["error"]["kind"], "timeout");
    assert_eq!(rows(1).await["rows"][0][0]["value"], 1);
}

/// The connection of an invocation that has timed out is free again, and Postgres works no more for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_ends_with_its_invocation() {
    let probe =
        Probe::start_alone(&format!("{HTTP_GRANT}\nlimits = {{ timeout = '500ms', call-timeout = '2s' }}")).await;
    let calls = probe.calls();
    let sleep = json!({ "database": "main", "sql": "select pg_sleep(600)::text" });
    calls.post("/sql", &sleep).await.problem(504);
    let running = "select pid from pg_stat_activity where datname = current_database() and query like '%pg_sleep(600)%' \
                   and state = 'active' and pid <> pg_backend_pid()";
    let mut admin = connect(postgres().await, &probe.database).await;
    until("the statement has ended", async || {
        sqlx::query(running).fetch_all(&mut admin).await.unwrap().is_empty().then_some(())
    })
    .await;
    until("the connection is free", async || {
        let reply = calls.post("/sql", &json!({ "database": "main", "sql": "select 1" })).await;
        (reply.status == 200 && reply.json()["rows"].is_array()).then_some(())
    })
    .await;
}

/// The server counts milliseconds in 31 bits.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_longer_than_the_server_counts_is_kept_by_the_host_alone() {
    let probe =
        Probe::start_alone(&format!("{HTTP_GRANT}\nlimits = {{ timeout = '31d', call-timeout = '30d' }}")).await;
    let row = probe.calls().row("select 40 + 2", json!([])).await;
    assert_eq!(row, [json!({ "type": "int4", "value": 42 })]);
}
