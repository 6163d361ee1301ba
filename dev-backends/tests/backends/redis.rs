//! Redis keeps what it has acknowledged.

use dev_backends::{Redis, Scratch};
use redis::AsyncCommands;

async fn connect(server: &Redis) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(server.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

#[tokio::test]
async fn acknowledged_keys_outlive_a_kill_and_a_new_start() {
    let scratch = Scratch::new().unwrap();
    let mut server = Redis::start(scratch.path(), 0).await.unwrap();
    let url = server.url();
    for id in 0..100 {
        let () = connect(&server).await.set(format!("user:{id}:email"), id).await.unwrap();
    }

    server.kill9().await;
    server.restart().await.unwrap();
    assert_eq!(server.url(), url);
    let last: i32 = connect(&server).await.get("user:99:email").await.unwrap();
    assert_eq!(last, 99);

    server.stop().await;
    drop(server);
    let server = Redis::start(scratch.path(), 0).await.unwrap();
    let keys: usize = redis::cmd("DBSIZE").query_async(&mut connect(&server).await).await.unwrap();
    assert_eq!(keys, 100);
}

#[tokio::test]
async fn is_never_root_and_wants_a_password() {
    let scratch = Scratch::new().unwrap();
    let mut server = Redis::start(scratch.path(), 0).await.unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process().unwrap().id())).unwrap();
    assert!(!status.lines().any(|line| line.starts_with("Uid:\t0\t")), "{status}");

    let url = server.url();
    let (_, address) = url.split_once('@').unwrap();
    let client = redis::Client::open(format!("redis://{address}")).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let refused: redis::RedisResult<String> = connection.get("key").await;
    assert!(refused.unwrap_err().to_string().contains("NOAUTH"));
}
