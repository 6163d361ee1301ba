//! Migrations that cannot be applied, and what the host says of them.

use std::fs;

use super::{expect, tidy};
use crate::support::files::component;
use crate::support::process::{ManifestFile, Process, command};
use crate::support::servers::{new_database, postgres};

/// A service with a database and migrations of its own.
struct Shop {
    manifest: ManifestFile,
    database: String,
}

impl Shop {
    async fn new() -> Self {
        let (url, users) = (postgres().await, component("users"));
        let database = new_database(url, "messages").await;
        let manifest = ManifestFile::new(&format!(
            r#"
[backends]
postgres = {{ url = "{url}" }}
redis = {{ url = "redis://127.0.0.1:1" }}

[services.shop]
component = "{users}"
http = {{ listen = "127.0.0.1:0" }}
grants.postgres.users = {{ database = "{database}", migrations = "migrations" }}
grants.redis = {{ write = ["user:*"] }}
"#
        ));
        Self { manifest, database }
    }

    fn write(&self, file: &str, sql: &str) {
        let folder = self.manifest.folder.path().join("migrations");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(file), sql).unwrap();
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.manifest.folder.path().join("migrations").join(file)).unwrap();
    }

    /// Starts it and ends it again.
    async fn runs(&self) {
        let mut host = Process::run(&self.manifest);
        host.ready().await;
        host.signal(rustix::process::Signal::TERM);
        host.end().await.expect(0);
    }

    async fn is_refused(&self, name: &str, code: i32) {
        let said = Process::run(&self.manifest).end().await.expect(code).to_owned();
        expect(&format!("migration/{name}"), &tidy(&said, &self.manifest).replace(&self.database, "DATABASE"));
    }

    /// Without a database it shows as well.
    async fn is_refused_by_check(&self, name: &str, code: i32) {
        let said = command(&["check", "--manifest", self.manifest.path()], &[]).await.expect(code).to_owned();
        expect(&format!("migration/{name}"), &tidy(&said, &self.manifest).replace(&self.database, "DATABASE"));
        self.is_refused(name, code).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_not_there() {
    Shop::new().await.is_refused_by_check("no-folder", 66).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_would_never_be_applied() {
    let shop = Shop::new().await;
    shop.write("users.sql", "create table users ()");
    shop.is_refused_by_check("misnamed", 65).await;
    shop.remove("users.sql");
    shop.write("0001_users.sql", "create table users ()");
    shop.write("1_orders.sql", "create table orders ()");
    shop.is_refused_by_check("twice", 65).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_that_postgres_refuses_is_named_by_file_line_and_column() {
    let shop = Shop::new().await;
    shop.write("0001_users.sql", "-- Ü\ncreate table users (id bigint);\n  create tabel orders ();\n");
    shop.is_refused("syntax", 65).await;
    shop.write("0001_users.sql", "create table users (id bigint);\ncreate index on users (nam);\n");
    shop.is_refused("unknown-column", 65).await;
    shop.write("0001_users.sql", "create table users (id bigint unique);\ninsert into users values (1), (1);\n");
    shop.is_refused("unique-violation", 65).await;
    shop.write("0001_users.sql", "do $$ begin\n  perform nothing_of_this_name();\nend $$;\n");
    shop.is_refused("within-a-function", 65).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_was_edited_or_removed_after_it_ran() {
    let shop = Shop::new().await;
    shop.write("0001_users.sql", "create table users (id bigint);");
    shop.write("0002_orders.sql", "create table orders (id bigint);");
    shop.runs().await;
    shop.write("0001_users.sql", "create table users (id bigint, name text);");
    shop.is_refused("edited", 65).await;
    shop.write("0001_users.sql", "create table users (id bigint);");
    shop.remove("0002_orders.sql");
    shop.is_refused("gone", 65).await;
}
