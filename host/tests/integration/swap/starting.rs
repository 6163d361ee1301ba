//! At a start, no service waits for what another one needs; and what cannot be started whole is not started at all.

use std::fs;

use componentd::{Host, Manifest, StartError};
use sqlx::{Connection as _, PgConnection};

use crate::support::files::guest;
use crate::support::host::{admin, client};
use crate::support::process::ManifestFile;
use crate::support::servers::{connect, new_database, postgres};
use crate::support::wait::until;

/// A service that needs nothing, and one whose migration does so.
struct Two {
    database: String,
    manifest: ManifestFile,
}

impl Two {
    async fn new(migration: &str, settings: &str) -> Self {
        let database = new_database(postgres().await, "starting").await;
        let text = format!(
            r#"
            [admin]
            token = 'for-tests'
            listen = "127.0.0.1:0"

            [backends]
            postgres = {{ url = "{url}" }}

            [services.quick]
            component = "{hello}"
            http = {{ listen = "127.0.0.1:0" }}

            [services.slow]
            component = "{hello}"
            http = {{ listen = "127.0.0.1:0" }}
            grants.postgres.main = {{ database = "{database}", migrations = "migrations"{settings} }}
            "#,
            url = postgres().await,
            hello = guest("hello"),
        );
        let manifest = ManifestFile::new(&text);
        fs::create_dir(manifest.folder.path().join("migrations")).unwrap();
        let two = Self { database, manifest };
        two.write(migration);
        two
    }

    fn write(&self, migration: &str) {
        fs::write(self.manifest.folder.path().join("migrations/0001_long.sql"), migration).unwrap();
    }

    async fn start(&self) -> Result<Host, StartError> {
        Host::start(Manifest::load(self.manifest.path().as_ref()).unwrap()).await
    }

    /// Has the lock for as long as it is open.
    async fn hold(&self) -> PgConnection {
        let mut connection = connect(postgres().await, &self.database).await;
        sqlx::query("select pg_advisory_lock(1)").execute(&mut connection).await.unwrap();
        connection
    }
}

/// It goes on for as long as somebody else has the lock, and then ends as it is told.
fn until_told(end: &str) -> String {
    format!(
        "do $$ begin
             while not pg_try_advisory_xact_lock(1) loop perform pg_sleep(0.05); end loop;
             {end}
         end $$"
    )
}

/// What `/readyz` misses.
async fn missing(host: &Host) -> String {
    let ready = admin(host).get("/readyz").await.json();
    ready["missing"].to_string()
}

async fn is_called(host: &Host, service: &str) {
    until("it is called", async || (client(host, service).get("/").await.status == 200).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_takes_long_holds_up_no_other_service() {
    let two = Two::new(&until_told(""), "").await;
    let lock = two.hold().await;
    let host = two.start().await.unwrap();
    client(&host, "quick").get("/").await.expect(200);
    client(&host, "slow").get("/").await.problem(503);
    let missing_now = missing(&host).await;
    assert!(missing_now.contains("slow") && missing_now.contains("migrations are under way"), "{missing_now}");
    lock.close().await.unwrap();
    is_called(&host, "slow").await;
    assert_eq!(missing(&host).await, "null");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_fails_after_long_leaves_its_service_waiting_until_it_is_mended() {
    let two = Two::new(&until_told("raise exception 'not like this';"), "").await;
    let lock = two.hold().await;
    let host = two.start().await.unwrap();
    lock.close().await.unwrap();
    until("it is said", async || missing(&host).await.contains("not like this").then_some(())).await;
    client(&host, "slow").get("/").await.problem(503);
    client(&host, "quick").get("/").await.expect(200);
    two.write("select 1");
    is_called(&host, "slow").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_fails_at_once_ends_the_start() {
    let two = Two::new("create tabel marks ()", "").await;
    let refused = two.start().await.err().expect("it has failed").to_string();
    assert!(refused.contains("0001_long.sql:1:8: syntax error"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_past_its_deadline_is_ended_on_the_server_too() {
    let two = Two::new("select pg_sleep(300)", ", migration-timeout = '300ms'").await;
    let refused = two.start().await.err().expect("it takes too long").to_string();
    let parts = ["services.slow.grants.postgres.main", "migrations/0001_long.sql was not applied", "migration-timeout"];
    assert!(parts.iter().all(|part| refused.contains(part)), "{refused}");
    let mut connection = connect(postgres().await, &two.database).await;
    let running = "select count(*) from pg_stat_activity
                   where datname = current_database() and state = 'active' and pid <> pg_backend_pid()";
    let running: i64 = sqlx::query_scalar(running).fetch_one(&mut connection).await.unwrap();
    assert_eq!(running, 0);
    two.write("select 1");
    let host = two.start().await.unwrap();
    is_called(&host, "slow").await;
    host.stop().await;
}
