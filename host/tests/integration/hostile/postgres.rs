//! Components that would have more of Postgres than their grant, or keep it.

use dev_backends::Scratch;
use rdkafka::Message as _;
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::support::host::{client, start, try_start};
use crate::support::kafka::Topic;
use crate::support::probe::{HTTP_GRANT, Probe, walled};
use crate::support::servers::{connect, host_user, kafka, postgres};
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

const TABLE: &str = "create table rows (id serial primary key, text text not null)";

/// What a component has no business with, and no right to.
const DENIED: &[&str] = &[
    // The machine that the server is on.
    "do $$ begin execute 'copy (select 1) to program ''true'''; end $$",
    "do $$ begin execute 'copy rows from ''/etc/passwd'''; end $$",
    "select pg_read_file('/etc/passwd')",
    "select pg_ls_dir('.')",
    "select lo_import('/etc/passwd')",
    // The server.
    "alter system set work_mem = '1MB'",
    "select rolpassword from pg_authid",
    "create role another",
    "create database another",
    "select pg_reload_conf()",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename <> current_user",
    "do $$ declare other text := (select usename from pg_stat_activity where usename <> current_user limit 1);
        begin execute format('alter role %I set default_transaction_read_only = on', other); end $$",
    "do $$ declare other text := (select datdba::regrole from pg_database where datname = current_database());
        begin execute format('set role %s', other); end $$",
    // Databases.
    "drop database postgres with (force)",
    "do $$ begin execute format('alter database %I set work_mem = 1', current_database()); end $$",
    "create schema another",
    "create extension dblink",
    // What migrations have made, and what they have not.
    "create table another ()",
    "create function another() returns int return 1",
    "drop table rows",
    "alter table rows add another int",
    "truncate rows",
    "create rule another as on insert to rows do instead nothing",
    // What the host keeps.
    "select * from componentd_host.logins",
    "select * from componentd_host.outbox",
    "insert into componentd_host.outbox (topic, header_names, header_values) values ('elsewhere', '{}', '{}')",
    "insert into componentd_host.topics values (current_user, 'elsewhere')",
    "do $$ begin perform from componentd_host.turns for update; end $$",
    "select componentd_api.publish('elsewhere', null, '{}', '{}', null)",
    "create or replace function componentd_api.publish(text, bytea, text[], bytea[], bytea) returns void return null",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_role_of_its_own_reaches_its_rows_and_nothing_else() {
    let probe = Probe::start_walled(TABLE, "").await;
    let calls = probe.calls();
    let row = calls.row("insert into rows (text) values ('a') returning id", json!([])).await;
    assert_eq!(row, [json!({ "type": "int4", "value": 1 })]);
    let execute = json!({ "mode": "execute" });
    for change in ["update rows set text = 'b'", "delete from rows"] {
        assert_eq!(calls.statement(change, json!([]), execute.clone()).await, json!({ "changed": 1 }));
    }
    for hostile in DENIED {
        let answer = calls.statement(hostile, json!([]), execute.clone()).await;
        assert_eq!(answer["error"]["sqlstate"], "42501", "{hostile}: {answer}");
    }
    let others = "select count(*) from pg_stat_activity where usename <> current_user \
                  and query not in ('', '<insufficient privilege>')";
    assert_eq!(calls.row(others, json!([])).await[0]["value"], 0, "no statement of others is seen");
}

/// What a migration has no business with, each tried, and what came of it kept. `{host}` is the host's user.
const MIGRATION: &str = r#"
create table got (hostile text, sqlstate text);
do $$ declare hostile text; begin
    foreach hostile in array array[
        'copy (select 1) to program ''true''',
        'select pg_read_file(''/etc/passwd'')',
        'select rolpassword from pg_authid',
        'create role another',
        'grant pg_execute_server_program to current_user',
        'alter role "{host}" password ''known''',
        'alter role "componentd.{host}.probe.main" password ''known''',
        'set role "{host}"',
        'set role "componentd.{host}.probe.main"',
        'select pg_terminate_backend(pid) from pg_stat_activity where usename <> current_user',
        'alter database "{host}" connection limit 0',
        'select * from componentd_host.logins',
        'insert into componentd_host.outbox (topic, header_names, header_values) values (''elsewhere'', ''{}'', ''{}'')',
        'create table componentd_migrations.squatted ()',
        'update componentd_migrations.probe set checksum = null',
        'delete from componentd_migrations.probe',
        'create or replace function componentd_api.publish(text, bytea, text[], bytea[], bytea) returns void return null'
    ] loop
        begin
            execute hostile;
            insert into got values (hostile, 'done');
        exception when others then
            insert into got values (hostile, sqlstate);
        end;
    end loop;
end $$;
create schema more;
create table more.rows (id serial primary key);
alter table rows add another text;
create extension if not exists pgcrypto;
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_reaches_its_database_and_nothing_else() {
    let (server, database) = host_user(postgres().await, TABLE).await;
    let (topic, folder) = (Topic::create(kafka().await, "probe").await, Scratch::new().unwrap());
    std::fs::write(folder.path().join("0001_hostile.sql"), MIGRATION.replace("{host}", &database)).unwrap();
    let grant = format!("migrations = '{}'", folder.path().display());
    let manifest = walled(&server, &database, &grant, &topic).await;
    for _ in 0..2 {
        let host = start(&manifest).await;
        let got = "select hostile, sqlstate from got where sqlstate <> '42501'";
        let got = json!({ "database": "main", "sql": got });
        let got = client(&host, "probe").post("/sql", &got).await.json();
        assert_eq!(got, json!({ "rows": [] }), "all of it was denied");
        let insert = json!({ "database": "main", "sql": "insert into more.rows default values", "mode": "execute" });
        assert_eq!(client(&host, "probe").post("/sql", &insert).await.json(), json!({ "changed": 1 }));
        for denied in ["update componentd_migrations.probe set checksum = null", "drop table rows"] {
            let hostile = json!({ "database": "main", "sql": denied, "mode": "execute" });
            let answer = client(&host, "probe").post("/sql", &hostile).await.json();
            assert_eq!(answer["error"]["sqlstate"], "42501", "{denied}: {answer}");
        }
        host.stop().await;
    }
}

/// A view that the host reads would call functions of whoever has made it, with the host's right.
#[tokio::test(flavor = "multi_thread")]
async fn the_host_reads_nothing_that_a_migration_could_have_made() {
    let (server, database) = host_user(postgres().await, TABLE).await;
    let mut admin = connect(postgres().await, &database).await;
    let trap = "create function steal() returns bigint language plpgsql as $$ begin
                    raise exception 'called by %', current_user; end $$;
                create view _sqlx_migrations as
                    select steal() as version, 'plain'::text as description, '\\x00'::bytea as checksum";
    sqlx::raw_sql(trap).execute(&mut admin).await.unwrap();
    let (topic, folder) = (Topic::create(kafka().await, "probe").await, Scratch::new().unwrap());
    std::fs::write(folder.path().join("0001_plain.sql"), "create table plain ()").unwrap();
    let grant = format!("migrations = '{}'", folder.path().display());
    let host = start(&walled(&server, &database, &grant, &topic).await).await;
    let count = json!({ "database": "main", "sql": "select count(*) from plain" });
    assert!(client(&host, "probe").post("/sql", &count).await.json()["rows"].is_array());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_of_its_own_is_let_into_no_database_of_another_grant() {
    let (one, other) = (Probe::start_walled(TABLE, "").await, Probe::start_walled(TABLE, "").await);
    let allowed = "select has_database_privilege($1, 'connect')";
    for (database, expected) in [(&one.database, true), (&other.database, false)] {
        let row = one.calls().row(allowed, json!([{ "type": "text", "value": database }])).await;
        assert_eq!(row, [json!({ "type": "boolean", "value": expected })], "{database}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_to_read_does_not_write() {
    let probe = Probe::start_walled(TABLE, "access = 'read'").await;
    let calls = probe.calls();
    assert_eq!(calls.sql("select * from rows", json!([])).await, json!({ "rows": [] }));
    for hostile in
        ["insert into rows (text) values ('a')", "select nextval('rows_id_seq')", "select from rows for update"]
    {
        assert_eq!(calls.sql(hostile, json!([])).await["error"]["sqlstate"], "42501", "{hostile}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_of_its_own_publishes_what_its_service_may() {
    let probe = Probe::start_walled(TABLE, "").await;
    let publish = |topic: &str, payload: &str| {
        let record = json!({ "topic": topic, "key": "one", "payload": payload });
        let sql = "insert into rows (text) values ('a') returning id";
        json!({ "database": "main", "sql": sql, "mode": "commit", "publish": [record] })
    };
    let answer = probe.calls().post("/sql", &publish("elsewhere", "denied")).await;
    assert_eq!(answer.json()["error"]["kind"], "denied", "{answer:?}");
    let answer = probe.calls().post("/sql", &publish(&probe.topic.name, "sent")).await;
    assert!(answer.json()["rows"].is_array(), "{answer:?}");
    let records = probe.topic.wait_for(1).await;
    assert_eq!(records[0].payload(), Some(&b"sent"[..]));
}

/// What a component can do to its role is undone before the next version is called.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_component_does_to_its_role_does_not_last() {
    let (server, database) = host_user(postgres().await, TABLE).await;
    let topic = Topic::create(kafka().await, "probe").await;
    let manifest = walled(&server, &database, "", &topic).await;
    let host = start(&manifest).await;
    let spoil = "do $$ begin execute 'alter role current_user password ''known'''; \
                 execute 'alter role current_user set default_transaction_read_only = on'; \
                 execute 'alter role current_user set search_path = pg_temp'; end $$";
    let spoil = json!({ "database": "main", "sql": spoil, "mode": "execute" });
    let answer = client(&host, "probe").post("/sql", &spoil).await.json();
    assert_eq!(answer, json!({ "changed": 0 }));
    host.stop().await;
    let host = start(&manifest).await;
    let insert = "insert into rows (text) values ('a')";
    let insert = json!({ "database": "main", "sql": insert, "mode": "execute" });
    assert_eq!(client(&host, "probe").post("/sql", &insert).await.json(), json!({ "changed": 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_role_of_its_own_is_at_ends_on_the_server_too() {
    let probe = Probe::start_walled(TABLE, "connections = 2").await;
    let mut asks = connect(postgres().await, &probe.database).await;
    let answer = probe.calls().post("/sql", &without_limits(CATCHES)).await.json();
    assert_eq!(answer["error"]["kind"], "timeout", "{answer}");
    until("nothing is left at work", async || (sessions(&mut asks).await.1 == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_may_make_no_roles_says_what_lets_it() {
    let (server, database) = host_user(postgres().await, TABLE).await;
    let mut admin = connect(postgres().await, &database).await;
    let take = format!("alter role {database} nocreaterole");
    sqlx::raw_sql(sqlx::AssertSqlSafe(take)).execute(&mut admin).await.unwrap();
    let topic = Topic::create(kafka().await, "probe").await;
    let error = try_start(&walled(&server, &database, "", &topic).await).await.err().unwrap().to_string();
    assert!(error.contains(&format!("ALTER ROLE \"{database}\" CREATEROLE")), "{error}");
}
