//! Databases that cannot be used, and what the log and `/readyz` say of each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::{expect, tidy};
use crate::support::files::component;
use crate::support::host::free_port;
use crate::support::process::{ManifestFile, Process};
use crate::support::servers::{connect, new_database, postgres};
use crate::support::unique;
use crate::support::wait::until;

/// A service with one database.
fn manifest(url: &str, database: &str, more: &str) -> ManifestFile {
    let users = component("users");
    ManifestFile::new(&format!(
        r#"
[admin]
token = 'for-tests'
listen = "127.0.0.1:{}"

[backends]
postgres = {{ url = "{url}" }}
redis = {{ url = "redis://127.0.0.1:1" }}

[services.users]
component = "{users}"
http = {{ listen = "127.0.0.1:0" }}
grants.postgres.users = {{ database = "{database}"{more} }}
grants.redis = {{ write = ["user:*"] }}
"#,
        free_port()
    ))
}

fn is_waiting(line: &Value) -> bool {
    line["level"] == "WARN" && line["message"].as_str().is_some_and(|text| text.starts_with("waiting: "))
}

/// How often the log has said what is waited for.
fn times_said(host: &Process) -> usize {
    host.log().iter().filter(|line| is_waiting(line)).count()
}

/// The first reason in the log, which `/readyz` has as well.
async fn reason(manifest: &ManifestFile) -> String {
    let mut host = Process::run(manifest);
    let line = host.line("what it waits for", is_waiting).await;
    let reason = line["message"].as_str().unwrap().strip_prefix("waiting: ").unwrap().to_owned();
    let admin = host.client("the admin port").await;
    let missing = admin.get("/readyz").await.json()["missing"].clone();
    assert!(missing.as_array().unwrap().contains(&format!("service users: {reason}").into()), "{reason}\n{missing}");
    reason
}

/// The URL of the tests' Postgres with another user.
fn url_as(url: &str, user: &str, password: &str) -> (String, String) {
    let mut url: url::Url = url.parse().unwrap();
    url.set_username(user).unwrap();
    url.set_password(Some(password)).unwrap();
    url.set_path("");
    (url.to_string(), url.port().unwrap().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reason_is_the_server_s_own_with_its_mend() {
    let refused = reason(&manifest("postgres://host:secret@127.0.0.1:1", "usersdb", "")).await;
    expect("database/refused", &refused);
    let admin: url::Url = postgres().await.parse().unwrap();
    let (url, port) = url_as(postgres().await, admin.username(), "wrong");
    let password = reason(&manifest(&url, "usersdb", "")).await.replace(&port, "PORT");
    expect("database/wrong-password", &password.replace(admin.username(), "USER"));
    let (url, port) = url_as(postgres().await, admin.username(), admin.password().unwrap());
    let absent = reason(&manifest(&url, "absentdb", "")).await.replace(&port, "PORT");
    expect("database/unknown-database", &absent.replace(admin.username(), "USER"));
    // What the system's resolver says depends on the system.
    let host = reason(&manifest("postgres://host:secret@nowhere.invalid", "usersdb", "")).await;
    assert!(host.starts_with("the database \"usersdb\": nowhere.invalid:5432: failed to lookup address"), "{host}");
    assert!(host.ends_with("correct the host of `url` under [backends.postgres], or the name in DNS"), "{host}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_create_what_migrations_need() {
    let database = new_database(postgres().await, "rights").await;
    let role = unique("limited");
    let mut connection = connect(postgres().await, &database).await;
    connection.execute(AssertSqlSafe(format!("create role {role} login password 'limited'"))).await.unwrap();
    let (url, _) = url_as(postgres().await, &role, "limited");
    let manifest = manifest(&url, &database, ", migrations = \"migrations\"");
    std::fs::create_dir(manifest.folder.path().join("migrations")).unwrap();
    let said = Process::run(&manifest).end().await.expect(65).replace(&database, "DATABASE").replace(&role, "ROLE");
    expect("database/no-right-to-create", &tidy(&said, &manifest));
}

/// Something that is no Postgres listens there, and counts who comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_reason_is_said_once_and_another_one_when_it_changes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let came = Arc::new(AtomicUsize::new(0));
    let counting = came.clone();
    let no_postgres = tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            // Read, so that the connection ends and is not reset: that would be another reason.
            let _ = connection.read_exact(&mut [0; 8]).await;
            counting.fetch_add(1, Ordering::Relaxed);
        }
    });
    let manifest = manifest(&format!("postgres://host:secret@{address}"), "usersdb", "");
    let mut host = Process::run(&manifest);
    host.line("what it waits for", is_waiting).await;
    let before = came.load(Ordering::Relaxed);
    until("it has looked again and again", async || (came.load(Ordering::Relaxed) >= before + 3).then_some(())).await;
    assert_eq!(times_said(&host), 1, "{:?}", host.log());
    no_postgres.abort();
    let refused =
        |line: &Value| is_waiting(line) && line["message"].as_str().is_some_and(|text| text.contains("refused"));
    host.line("the other reason", refused).await;
    assert_eq!(times_said(&host), 2, "{:?}", host.log());
}
