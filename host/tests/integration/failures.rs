//! Backends and services that go away, and come back: the client is told in time and learns nothing that is not its own.

use std::time::{Duration, Instant};

use componentd::Host;
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::client::{Client, Reply};
use crate::support::echo;
use crate::support::files::{component, root};
use crate::support::host::{ADMIN, admin, client, free_port, invocations, start};
use crate::support::servers::{connect, new_database, own_postgres, own_redis, postgres};
use crate::support::unique;
use crate::support::wait::{PATIENCE, until};

/// What tells of the servers behind a service.
const INSIDE: [&str; 9] =
    ["127.0.0.1", "localhost", "postgres", "Postgres", "redis", "Redis", "refused", "os error", "connection"];

/// A 503 that says when to come back, and nothing of what is behind.
fn expect_unavailable(reply: &Reply) {
    let document = reply.problem(503).to_string();
    assert!(reply.header("retry-after").is_some(), "{reply:?}");
    assert!(INSIDE.iter().all(|word| !document.contains(word)), "{document}");
}

/// The service `store`, where the service `orders` is at `orders`.
async fn store_with_orders_at(orders: &str) -> (Host, Client) {
    let (url, component, migrations) =
        (postgres().await, component("store"), root().join("components/store/migrations"));
    let (database, migrations) = (new_database(url, "store").await, migrations.display());
    let manifest = format!(
        r#"
        [backends]
        postgres = {{ url = "{url}" }}

        [services.store]
        component = "{component}"
        http = {{ listen = "127.0.0.1:0" }}
        config = {{ orders-url = "{orders}", orders-timeout-ms = "300" }}
        grants.postgres.store = {{ database = "{database}", migrations = "{migrations}" }}
        grants.http = [{{ origin = "{orders}", private = true }}]

        {ADMIN}
        "#
    );
    let host = start(&manifest).await;
    let client = client(&host, "store");
    (host, client)
}

async fn check_out(client: &Client) -> Reply {
    client.post("/checkout", &json!({ "user_id": 1, "items": [1] })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_without_orders_is_a_bad_gateway() {
    let (host, client) = store_with_orders_at(&format!("http://127.0.0.1:{}", free_port())).await;
    let document = check_out(&client).await.problem(502).to_string();
    assert!(INSIDE.iter().all(|word| !document.contains(word)), "{document}");
    assert_eq!(client.get("/products/1").await.status, 200);
    for (outcome, count) in [("backend-away", 1), ("ok", 1), ("error", 0)] {
        assert_eq!(invocations(&admin(&host), "store", outcome).await, count, "{outcome}");
    }
}

/// It answers, but nothing of what it says is an order.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_with_orders_that_fail_is_a_bad_gateway() {
    let (_host, client) = store_with_orders_at(&format!("http://{}", echo::start().await)).await;
    check_out(&client).await.problem(502);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_with_orders_that_are_slow_is_a_gateway_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_host, client) = store_with_orders_at(&format!("http://{}", silent.local_addr().unwrap())).await;
    let start = Instant::now();
    check_out(&client).await.problem(504);
    assert!(start.elapsed() < Duration::from_secs(10), "long before the service's own deadline");
}

/// The service `users` on these servers.
async fn users(postgres: &str, database: &str, redis: &str) -> (Host, Client) {
    let (component, migrations) = (component("users"), root().join("components/users/migrations"));
    let migrations = migrations.display();
    let manifest = format!(
        r#"
        [backends]
        postgres = {{ url = "{postgres}" }}
        redis = {{ url = "{redis}" }}

        [services.users]
        component = "{component}"
        http = {{ listen = "127.0.0.1:0" }}
        grants.postgres.users = {{ database = "{database}", migrations = "{migrations}" }}
        grants.redis = {{ write = ["user:*"] }}
        limits = {{ cpu = "2s", call-timeout = "2s" }}
        "#
    );
    let host = start(&manifest).await;
    let client = client(&host, "users");
    (host, client)
}

async fn sign_up(client: &Client) -> Reply {
    let email = format!("{}@example.com", unique("customer"));
    client.post("/signup", &json!({ "email": email, "password": "correct horse" })).await
}

async fn count_users(postgres: &str, database: &str) -> i64 {
    let mut connection = connect(postgres, database).await;
    sqlx::query_scalar("select count(*) from users").fetch_one(&mut connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_nobody_signs_up_and_no_row_stays() {
    let (postgres, mut redis) = (postgres().await, own_redis().await);
    let database = new_database(postgres, "users").await;
    let (_host, client) = users(postgres, &database, &redis.url()).await;
    sign_up(&client).await.expect(201);

    redis.kill9().await;
    for _ in 0..3 {
        expect_unavailable(&sign_up(&client).await);
    }
    assert_eq!(count_users(postgres, &database).await, 1);

    redis.restart().await.unwrap();
    until("sign-ups work again", async || (sign_up(&client).await.status == 201).then_some(())).await;
    assert_eq!(count_users(postgres, &database).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_requests_fail_in_time_until_it_is_back() {
    let (mut postgres, redis) = (own_postgres().await, own_redis().await);
    let database = new_database(&postgres.url(), "users").await;
    let (_host, client) = users(&postgres.url(), &database, &redis.url()).await;
    sign_up(&client).await.expect(201);

    postgres.kill9().await;
    let start = Instant::now();
    for _ in 0..3 {
        expect_unavailable(&sign_up(&client).await);
    }
    assert!(start.elapsed() < PATIENCE);

    postgres.restart().await.unwrap();
    until("sign-ups work again", async || (sign_up(&client).await.status == 201).then_some(())).await;
    assert_eq!(count_users(&postgres.url(), &database).await, 2);
}

/// It is started without its database, and serves as soon as that is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_starts_before_its_backends_waits_for_them() {
    let (mut postgres, mut redis) = (own_postgres().await, own_redis().await);
    let database = new_database(&postgres.url(), "users").await;
    postgres.kill9().await;
    redis.kill9().await;
    let (_host, client) = users(&postgres.url(), &database, &redis.url()).await;
    expect_unavailable(&sign_up(&client).await);
    postgres.restart().await.unwrap();
    redis.restart().await.unwrap();
    until("sign-ups work", async || (sign_up(&client).await.status == 201).then_some(())).await;
    assert_eq!(count_users(&postgres.url(), &database).await, 1);
}

/// What a full disk made Postgres say, for as long as a table is there.
const DISK_IS_FULL: &str = "
    create table disk_is_full ();
    create function fail_while_full() returns trigger language plpgsql as $$ begin
        if to_regclass('disk_is_full') is not null then
            raise exception 'could not write init file' using errcode = 'XX000';
        end if;
        return new;
    end $$;
    create trigger full_disk before insert on users for each row execute function fail_while_full();";

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_within_postgres_is_503_until_it_is_over() {
    let (postgres, redis) = (postgres().await, own_redis().await);
    let database = new_database(postgres, "users").await;
    let (_host, client) = users(postgres, &database, &redis.url()).await;
    let mut admin = connect(postgres, &database).await;
    sqlx::raw_sql(DISK_IS_FULL).execute(&mut admin).await.unwrap();
    expect_unavailable(&sign_up(&client).await);
    sqlx::raw_sql("drop table disk_is_full").execute(&mut admin).await.unwrap();
    sign_up(&client).await.expect(201);
}

/// It is full (of memory, which it can be told), and then it follows a master that is away: neither is the command's fault.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_takes_no_writes_is_503_until_it_does() {
    let (postgres, redis) = (postgres().await, own_redis().await);
    let database = new_database(postgres, "users").await;
    let (_host, client) = users(postgres, &database, &redis.url()).await;
    let mut admin = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let mut tell = |words: &[&str]| {
        let (name, arguments) = words.split_first().unwrap();
        redis::cmd(name).arg(arguments).query::<()>(&mut admin).unwrap();
    };
    tell(&["CONFIG", "SET", "maxmemory", "1"]);
    expect_unavailable(&sign_up(&client).await);
    tell(&["CONFIG", "SET", "maxmemory", "0"]);
    sign_up(&client).await.expect(201);
    tell(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]);
    expect_unavailable(&sign_up(&client).await);
    tell(&["REPLICAOF", "NO", "ONE"]);
    sign_up(&client).await.expect(201);
}
