//! Transactions: all or nothing, and nothing of one is left for the next borrower of its connection.

use serde_json::{Value, json};

use crate::support::probe::{Calls, HTTP_GRANT, Probe};
use crate::support::servers::{connect, postgres};
use crate::support::unique;
use crate::support::wait::until;
use sqlx::{AssertSqlSafe, Executor};

/// A table of one test, in which a row is a mark that a transaction has left.
struct Marks {
    calls: Calls,
    table: String,
}

impl Marks {
    async fn create(probe: &Probe) -> Self {
        let table = unique("marks");
        let create = format!("create table {table} (mark text primary key)");
        connect(postgres().await, &probe.database).await.execute(AssertSqlSafe(create)).await.unwrap();
        Self { calls: probe.calls(), table }
    }

    fn statement(&self, mark: &str, more: Value) -> Value {
        let sql = format!("insert into {} values ($1) returning mark", self.table);
        let mut statement = json!({ "database": "main", "sql": sql, "params": [{ "type": "text", "value": mark }] });
        statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        statement
    }

    async fn insert(&self, mark: &str, mode: &str) -> Value {
        self.calls.post("/sql", &self.statement(mark, json!({ "mode": mode }))).await.json()
    }

    async fn left(&self) -> Vec<Value> {
        let rows = self.calls.sql(&format!("select mark from {} order by mark", self.table), json!([])).await;
        rows["rows"].as_array().unwrap().iter().map(|row| row[0]["value"].clone()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_commit_keeps_what_was_done() {
    let marks = Marks::create(Probe::shared().await).await;
    assert_eq!(marks.insert("committed", "commit").await["rows"], json!([[{ "type": "text", "value": "committed" }]]));
    for mode in ["rollback", "drop-transaction", "leave-transaction"] {
        assert_eq!(marks.insert(mode, mode).await, json!({ "changed": 1 }), "{mode}");
    }
    assert_eq!(marks.left().await, ["committed"]);
}

/// With one connection, whoever is next has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_trap_rolls_back_before_anyone_else_gets_the_connection() {
    let probe = Probe::start_alone(HTTP_GRANT).await;
    let marks = Marks::create(&probe).await;
    for mode in ["trap-in-transaction", "leave-transaction", "drop-transaction"] {
        let reply = marks.calls.post("/sql", &marks.statement(mode, json!({ "mode": mode }))).await;
        assert_eq!(reply.status, if mode == "trap-in-transaction" { 500 } else { 200 });
        let row = marks.calls.row("select pg_current_xact_id_if_assigned() is null", json!([])).await;
        assert_eq!(row[0]["value"], true, "after {mode} the next statement is in a transaction of its own");
        assert!(marks.left().await.is_empty(), "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_statement_leaves_the_transaction_to_be_rolled_back() {
    let marks = Marks::create(Probe::shared().await).await;
    marks.insert("once", "commit").await;
    assert_eq!(marks.insert("once", "commit").await["error"]["sqlstate"], "23505");
    // Postgres answers such a commit with a rollback, and no error.
    assert_eq!(marks.insert("once", "commit-regardless").await["error"]["sqlstate"], "25P02");
    assert_eq!(marks.insert("twice", "commit-regardless").await, json!({ "changed": 1 }));
    assert_eq!(marks.left().await, ["once", "twice"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_what_it_was_begun_as() {
    let marks = Marks::create(Probe::shared().await).await;
    let read_only = marks.statement("written", json!({ "mode": "commit", "read_only": true }));
    assert_eq!(marks.calls.post("/sql", &read_only).await.json()["error"]["sqlstate"], "25006");
    for (isolation, shown) in
        [("read-committed", "read committed"), ("repeatable-read", "repeatable read"), ("serializable", "serializable")]
    {
        let options = json!({ "mode": "commit", "isolation": isolation });
        let answer = marks.calls.statement("select current_setting('transaction_isolation')", json!([]), options).await;
        assert_eq!(answer["rows"][0][0]["value"], shown);
    }
}

/// With one connection, whoever is next has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_leaves_nothing_behind() {
    let probe = Probe::start_alone(HTTP_GRANT).await;
    let calls = probe.calls();
    for sql in ["begin", "set work_mem = '1MB'", "/* x */ listen a", "prepare p as select 1", "commit", "discard all"] {
        assert_eq!(calls.sql(sql, json!([])).await["error"]["kind"], "denied", "{sql}");
    }
    let look = "select current_setting('application_name'), exists(select from pg_locks where locktype = 'advisory' \
                and pid = pg_backend_pid()), to_regclass('pg_temp.t') is not null";
    for change in [
        "select set_config('application_name', 'changed', false), pg_advisory_lock(7)::text",
        "do $$ begin perform set_config('application_name', 'changed', false), pg_advisory_lock(7); end $$",
        "create temporary table t ()",
        "select 1 as one into temp t",
    ] {
        let answer = calls.sql(change, json!([])).await;
        assert!(answer["error"].is_null(), "{change}: {answer}");
        let row = calls.row(look, json!([])).await;
        let values: Vec<_> = row.iter().map(|column| &column["value"]).collect();
        assert_eq!(values, [&json!("componentd"), &json!(false), &json!(false)], "{change}");
    }
    assert_eq!(calls.sql("select lastval()", json!([])).await["error"]["kind"], "denied");
}

/// With one connection, whoever is next would get the rest of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_past_the_limits_is_nobody_elses() {
    let probe = Probe::start_alone(HTTP_GRANT).await;
    let calls = probe.calls();
    for sql in
        ["select n from generate_series(1, 30000) as n", "select 1 / (20000 - n) from generate_series(1, 30000) as n"]
    {
        assert!(calls.sql(sql, json!([])).await["error"].is_object(), "{sql}");
        assert_eq!(calls.row("select 1::int", json!([])).await[0]["value"], 1, "after {sql}");
    }
}

/// Nothing of a statement says that a trigger is there, not even to the host that passed its definition on.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_reset_where_a_component_has_defined_code() {
    let probe = Probe::start_alone(HTTP_GRANT).await;
    let calls = probe.calls();
    for sql in [
        "create function change() returns trigger language plpgsql as
         $$ begin perform set_config('application_name', 'changed', false); return new; end $$",
        "create table changing (a int)",
        "create trigger change before insert on changing for each row execute function change()",
        "insert into changing values (1)",
    ] {
        let answer = calls.statement(sql, json!([]), json!({ "mode": "execute" })).await;
        assert!(answer["error"].is_null(), "{sql}: {answer}");
    }
    let row = calls.row("select current_setting('application_name')", json!([])).await;
    assert_eq!(row[0]["value"], "componentd");
}

/// What a statement's text does not show: code that the database has of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_reset_where_a_plain_statement_calls_code_of_the_database() {
    let probe = Probe::start_alone(HTTP_GRANT).await;
    let calls = probe.calls();
    let mut owner = connect(postgres().await, &probe.database).await;
    let code = "create function change() returns trigger language plpgsql as
                $$ begin perform set_config('application_name', 'changed', false); return new; end $$;
                create table changing (a int);
                create trigger change before insert on changing for each row execute function change()";
    owner.execute(AssertSqlSafe(code.to_owned())).await.unwrap();
    // Each connection asks for such code when it is made.
    let end = "select pg_terminate_backend(pid) from pg_stat_activity \
               where datname = current_database() and pid <> pg_backend_pid()";
    owner.execute(end).await.unwrap();
    let row = until("a new connection", async || {
        calls.sql("insert into changing values (1) returning a", json!([])).await["rows"].get(0).cloned()
    })
    .await;
    assert_eq!(row[0]["value"], 1);
    let row = calls.row("select current_setting('application_name')", json!([])).await;
    assert_eq!(row[0]["value"], "componentd");
}
