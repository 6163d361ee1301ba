//! Migrations: each once, for each service that has them, whoever else is on the database.

use componentd::{Host, StartError};
use dev_backends::Scratch;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::files::guest;
use crate::support::host::{client, try_start};
use crate::support::servers::{connect, new_database, postgres};
use crate::support::wait::until;

/// Run again, each would add another row.
const FIRST: &str = "create table if not exists runs (name text); insert into runs values ('first')";
const SECOND: &str = "insert into runs values ('second')";

/// A database, and services that each have a folder of migrations for it.
struct Shared {
    database: String,
    folder: Scratch,
}

impl Shared {
    async fn new() -> Self {
        let database = new_database(postgres().await, "migrations").await;
        Self { database, folder: Scratch::new().unwrap() }
    }

    fn write(&self, service: &str, file: &str, sql: &str) {
        let folder = self.folder.path().join(service);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(file), sql).unwrap();
    }

    fn remove(&self, service: &str, file: &str) {
        std::fs::remove_file(self.folder.path().join(service).join(file)).unwrap();
    }

    async fn start(&self, services: &[&str]) -> Result<Host, StartError> {
        let table = |service: &&str| {
            let (component, folder) = (guest("hello"), self.folder.path().join(service));
            format!(
                r#"
                [services.{service}]
                component = "{component}"
                http = {{ listen = "127.0.0.1:0" }}
                grants.postgres.main = {{ database = "{}", migrations = "{}" }}
                limits = {{ call-timeout = "500ms" }}
                "#,
                self.database,
                folder.display()
            )
        };
        let backend = format!("[backends]\npostgres = {{ url = '{}' }}\n", postgres().await);
        try_start(&(backend + services.iter().map(table).collect::<String>().as_str())).await
    }

    /// Starts them, and stops once all are migrated, which a start waits for only so long.
    async fn migrate(&self, services: &[&str]) {
        migrated(self.start(services).await.unwrap(), services).await;
    }

    async fn connection(&self) -> PgConnection {
        connect(postgres().await, &self.database).await
    }

    /// What ran, in the order of names.
    async fn runs(&self) -> Vec<String> {
        let runs = sqlx::query_scalar("select name from runs order by name");
        runs.fetch_all(&mut self.connection().await).await.unwrap()
    }

    /// The versions that a table has.
    async fn versions(&self, table: &str) -> Vec<i64> {
        let versions = AssertSqlSafe(format!("select version from {table} order by version"));
        sqlx::query_scalar(versions).fetch_all(&mut self.connection().await).await.unwrap()
    }

    /// As hosts up to version 0.1 did it.
    async fn migrate_as_before(&self, service: &str) {
        let migrator = Migrator::new(self.folder.path().join(service)).await.unwrap();
        migrator.run(&mut self.connection().await).await.unwrap();
    }
}

/// Stops a host once its services are migrated.
async fn migrated(host: Host, services: &[&str]) {
    for service in services {
        until("it is migrated", async || (client(&host, service).get("/").await.status == 200).then_some(())).await;
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_on_one_database_number_theirs_as_they_like() {
    let shared = Shared::new().await;
    for service in ["one", "two-of-them"] {
        shared.write(service, "0001_init.sql", &format!("{FIRST}; insert into runs values ('{service}')"));
    }
    shared.write("two-of-them", "0002_more.sql", SECOND);
    for _ in 0..2 {
        shared.migrate(&["one", "two-of-them"]).await;
        assert_eq!(shared.runs().await, ["first", "first", "one", "second", "two-of-them"]);
    }
    assert_eq!(shared.versions("componentd_migrations.one").await, [1]);
    assert_eq!(shared.versions("componentd_migrations.\"two-of-them\"").await, [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_host_has_applied_is_taken_over_and_not_run_again() {
    let shared = Shared::new().await;
    shared.write("old", "0001_init.sql", FIRST);
    shared.write("old", "0002_more.sql", SECOND);
    shared.migrate_as_before("old").await;
    shared.write("old", "0003_new.sql", "insert into runs values ('third')");
    shared.write("other", "0001_init.sql", "insert into runs values ('of the other')");
    shared.migrate(&["old", "other"]).await;
    assert_eq!(shared.runs().await, ["first", "of the other", "second", "third"]);
    assert_eq!(shared.versions("componentd_migrations.old").await, [1, 2, 3]);
    assert_eq!(shared.versions("componentd_migrations.other").await, [1]);
    assert_eq!(shared.versions("public._sqlx_migrations").await, [1, 2], "it is left as it was");
}

/// Edited before the first start of a host that keeps them by service, or after it.
#[tokio::test(flavor = "multi_thread")]
async fn an_edited_migration_is_refused_and_not_run_again() {
    let shared = Shared::new().await;
    shared.write("old", "0001_init.sql", FIRST);
    shared.write("old", "0002_more.sql", SECOND);
    shared.migrate_as_before("old").await;
    for (file, original) in [("0002_more.sql", SECOND), ("0001_init.sql", FIRST)] {
        shared.write("old", file, &format!("{original}; select 1"));
        let refused = shared.start(&["old"]).await.err().expect("it was edited").to_string();
        assert!(refused.contains(&format!("{file} was changed after it was applied")), "{refused}");
        assert_eq!(shared.runs().await, ["first", "second"]);
        shared.write("old", file, original);
        shared.migrate(&["old"]).await;
    }
    assert_eq!(shared.runs().await, ["first", "second"]);
}

/// Nothing that the database has tells whose the old migration is, so it is not for the host to decide.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_all_of_whose_migrations_were_edited_is_refused() {
    let shared = Shared::new().await;
    shared.write("old", "0001_init.sql", FIRST);
    shared.migrate_as_before("old").await;
    shared.write("old", "0001_init.sql", &format!("{FIRST}; select 1"));
    for _ in 0..2 {
        let refused = shared.start(&["old"]).await.err().expect("it was edited").to_string();
        assert!(
            refused.contains("0001_init.sql has the number and the name of a migration that an older"),
            "{refused}"
        );
        assert_eq!(shared.runs().await, ["first"]);
    }
    shared.write("old", "0001_init.sql", FIRST);
    shared.migrate(&["old"]).await;
    assert_eq!(shared.runs().await, ["first"]);
}

/// A new service comes before the old one by its name, so the old one's migrations are nobody's yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_service_whose_migration_looks_like_an_old_one_goes_by_another_name() {
    let shared = Shared::new().await;
    shared.write("old", "0001_init.sql", FIRST);
    shared.migrate_as_before("old").await;
    shared.write("new", "0001_init.sql", "insert into runs values ('new')");
    let refused = shared.start(&["new", "old"]).await.err().expect("whose it is, is not clear").to_string();
    assert!(refused.contains("if it is another service's that was never applied, give it another name"), "{refused}");
    shared.remove("new", "0001_init.sql");
    shared.write("new", "0001_begin.sql", "insert into runs values ('new')");
    shared.migrate(&["new", "old"]).await;
    assert_eq!(shared.runs().await, ["first", "new"]);
    assert_eq!(shared.versions("componentd_migrations.new").await, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_start_at_once_take_over_and_migrate_once() {
    let shared = Shared::new().await;
    shared.write("old", "0001_init.sql", FIRST);
    shared.migrate_as_before("old").await;
    // Longer than a call may take, so that the others wait for longer as well.
    shared.write("old", "0002_more.sql", &format!("select pg_sleep(1); {SECOND}"));
    let hosts = futures_util::future::join_all((0..4).map(|_| shared.start(&["old"]))).await;
    for host in hosts {
        migrated(host.unwrap(), &["old"]).await;
    }
    assert_eq!(shared.runs().await, ["first", "second"]);
}

/// Whoever wants the table after the migration would wait behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_does_not_wait_for_a_table_that_others_keep() {
    let shared = Shared::new().await;
    shared.write("one", "0001_init.sql", FIRST);
    shared.migrate(&["one"]).await;
    shared.write("one", "0002_more.sql", "alter table runs add column note text");
    let mut other = shared.connection().await;
    sqlx::raw_sql("begin; lock table runs").execute(&mut other).await.unwrap();
    let refused = shared.start(&["one"]).await.err().expect("the table is locked").to_string();
    assert!(refused.contains("lock timeout"), "{refused}");
    sqlx::raw_sql("rollback").execute(&mut other).await.unwrap();
    shared.migrate(&["one"]).await;
    assert_eq!(shared.runs().await, ["first"]);
}

/// The server fails, and not the migration: the service waits, and runs as soon as it is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_the_server_fails_is_tried_again() {
    let shared = Shared::new().await;
    let mut admin = shared.connection().await;
    sqlx::raw_sql("create table disk_is_full ()").execute(&mut admin).await.unwrap();
    let failing = "do $$ begin if to_regclass('disk_is_full') is not null then
                       raise exception 'could not extend file' using errcode = '58030';
                   end if; end $$";
    shared.write("one", "0001_init.sql", &format!("{failing}; {FIRST}"));
    let host = shared.start(&["one"]).await.unwrap();
    client(&host, "one").get("/").await.problem(503);
    sqlx::raw_sql("drop table disk_is_full").execute(&mut admin).await.unwrap();
    until("the service is ready", async || (client(&host, "one").get("/").await.status != 503).then_some(())).await;
    assert_eq!(shared.runs().await, ["first"]);
    host.stop().await;
}
