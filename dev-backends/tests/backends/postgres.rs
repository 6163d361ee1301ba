//! Postgres keeps what it has committed.

use std::net::TcpListener;

use dev_backends::{Error, INIT_SQL, Postgres, Scratch};
use sqlx::{Connection, Executor, PgConnection, Row};

async fn connect(postgres: &Postgres, database: &str) -> PgConnection {
    let url = postgres.url();
    let (server, _) = url.rsplit_once('/').unwrap();
    PgConnection::connect(&format!("{server}/{database}")).await.unwrap()
}

#[tokio::test]
async fn committed_rows_outlive_a_kill_and_a_new_start() {
    let scratch = Scratch::new().unwrap();
    let mut postgres = Postgres::start(scratch.path(), 0, INIT_SQL).await.unwrap();
    let url = postgres.url();
    let mut connection = connect(&postgres, "usersdb").await;
    connection.execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)").await.unwrap();

    postgres.kill9().await;
    postgres.restart().await.unwrap();
    assert_eq!(postgres.url(), url);
    assert_eq!(kept(&postgres).await, 7);

    postgres.stop().await;
    drop(postgres);
    let postgres = Postgres::start(scratch.path(), 0, INIT_SQL).await.unwrap();
    assert_eq!(kept(&postgres).await, 7);
}

async fn kept(postgres: &Postgres) -> i32 {
    let mut connection = connect(postgres, "usersdb").await;
    connection.fetch_one("SELECT id FROM kept").await.unwrap().get(0)
}

#[tokio::test]
async fn the_process_id_of_another_program_does_not_block_a_start() {
    let scratch = Scratch::new().unwrap();
    let mut postgres = Postgres::start(scratch.path(), 0, "").await.unwrap();
    postgres.kill9().await;
    let stale = scratch.path().join("postgres/data/postmaster.pid");
    let theirs = std::fs::read_to_string(&stale).unwrap();
    let (_, rest) = theirs.split_once('\n').unwrap();
    std::fs::write(&stale, format!("{}\n{rest}", std::process::id())).unwrap();
    postgres.restart().await.unwrap();
}

#[tokio::test]
async fn is_never_root_and_wants_a_password() {
    let scratch = Scratch::new().unwrap();
    let mut postgres = Postgres::start(scratch.path(), 0, "").await.unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", postgres.process().unwrap().id())).unwrap();
    assert!(!status.lines().any(|line| line.starts_with("Uid:\t0\t")), "{status}");

    let url = postgres.url();
    let (_, address) = url.split_once('@').unwrap();
    let refused = PgConnection::connect(&format!("postgres://componentd:wrong@{address}")).await;
    assert!(refused.unwrap_err().to_string().contains("password authentication failed"));
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let scratch = Scratch::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().port();
    let error = Postgres::start(scratch.path(), taken, "").await.unwrap_err();
    assert!(matches!(error, Error::Port { port, .. } if port == taken), "{error}");
}
