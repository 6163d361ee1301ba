//! A host that is told to stop under load answers every request of a client that it has let in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::join_all;
use http::header::CONTENT_TYPE;
use http::{Method, Request};
use http_body_util::Full;
use rustix::process::Signal;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::client::Client;
use crate::support::misbehave::manifest;
use crate::support::process::{ManifestFile, Process};
use crate::support::store::Store;
use crate::support::wait::until;
use crate::support::wire::Wire;

const CUSTOMERS: usize = 16;

/// Orders of each customer before the stop.
const ORDERS: usize = 5;

fn checkout(store: &Client) -> Request<Full<Bytes>> {
    let cart = json!({ "user_id": 1, "items": [1] }).to_string();
    let mut request = store.request(Method::POST, "/checkout", cart);
    request.headers_mut().insert(CONTENT_TYPE, "application/json".parse().unwrap());
    request
}

/// Opens what the services open with their first requests: on a machine that is short of processor time, ten connections
/// to a database take longer than the three seconds (`call-timeout`) that a request waits for one.
async fn until_served(store: &Client) {
    for _ in 0..ORDERS {
        until("there is an order", async || (store.send(checkout(store)).await.status == 201).then_some(())).await;
    }
}

/// Checks out until nobody listens any more: the answers, and what those that are no 201 say.
async fn check_out_again_and_again(store: Client, count: Arc<AtomicUsize>) -> Vec<(u16, String)> {
    let mut answers = Vec::new();
    loop {
        let answer = store.try_send(checkout(&store)).await;
        count.fetch_add(1, Ordering::Relaxed);
        match answer {
            Ok(reply) if reply.status == 201 => answers.push((201, String::new())),
            Ok(reply) => answers.push((reply.status, reply.text().to_owned())),
            Err(_) => return answers,
        }
    }
}

/// A checkout calls `orders` of the same host, which therefore must not go before `store`.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_that_was_accepted_finds_orders_until_the_end() {
    let store = Store::start().await;
    let clients: Vec<_> = (0..CUSTOMERS).map(|_| store.running.http().store).collect();
    join_all(clients.iter().map(until_served)).await;
    let count = Arc::new(AtomicUsize::new(0));
    let again = |client| check_out_again_and_again(client, count.clone());
    let customers: JoinSet<_> = clients.into_iter().map(again).collect();
    until("there is load", async || (count.load(Ordering::Relaxed) > 50).then_some(())).await;
    store.running.host.stop().await;
    let answers: Vec<_> = customers.join_all().await.into_iter().flatten().collect();
    let others: Vec<_> = answers.iter().filter(|(status, _)| *status != 201).collect();
    assert!(answers.len() > 50 && others.is_empty(), "{others:?}");
}

/// A host as a process, and a client of it.
async fn process(listener: &str) -> (Process, Client) {
    let manifest = ManifestFile::new(&manifest(listener, ""));
    let mut host = Process::run(&manifest);
    let client = host.client("guest").await;
    host.ready().await;
    (host, client)
}

/// Ends it, which takes a while, and waits until it has said so.
async fn terminate(host: &mut Process) {
    host.signal(Signal::TERM);
    host.line("it stops", |line| line["message"].as_str().is_some_and(|text| text.starts_with("stopping: "))).await;
}

const HELLO: &str = "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_open_may_send_one_more_request() {
    let (host, client) = process("").await;
    let (mut used, mut silent) = (Wire::open(&client).await, Wire::open(&client).await);
    let mut other = Wire::open(&client).await;
    for wire in [&mut used, &mut other] {
        wire.write(HELLO).await;
        assert!(!wire.read_until("hello").await.contains("connection: close"));
    }
    host.signal(Signal::TERM);
    // The listener has begun to stop when it answers so.
    loop {
        other.write(HELLO).await;
        if other.read_until("hello").await.contains("connection: close") {
            break;
        }
    }
    for wire in [&mut used, &mut silent] {
        wire.write(HELLO).await;
    }
    for wire in [&mut used, &mut silent] {
        let answer = wire.read_to_end().await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("connection: close"), "{answer}");
    }
    assert_eq!(host.end().await.code, Some(0));
}

/// The host has accepted one of them, and has a place for no other; the kernel has let all of them in.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_wait_to_be_accepted_are_served() {
    let (mut host, client) = process(", max-connections = 1").await;
    let mut first = Wire::open(&client).await;
    first.write(HELLO).await;
    first.read_until("hello").await;
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let mut wire = Wire::open(&client).await;
        wire.write(HELLO).await;
        waiting.push(wire);
    }
    terminate(&mut host).await;
    for mut wire in waiting {
        let answer = wire.read_to_end().await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hello"), "{answer}");
    }
    assert_eq!(host.end().await.code, Some(0));
}

/// How a client uses its connections.
#[derive(Clone, Copy, Debug)]
enum Habit {
    KeepAlive,
    Fresh,
    Http2,
}

/// Asks until nobody listens any more. Whatever fails once a connection is open is a reason to panic.
async fn ask_again_and_again(address: SocketAddr, habit: Habit, answers: Arc<AtomicUsize>) {
    let refused = loop {
        let mut stream = match TcpStream::connect(address).await {
            Ok(stream) => stream,
            Err(refused) => break refused,
        };
        match habit {
            Habit::KeepAlive => while ask(&mut stream, habit, &answers).await {},
            Habit::Fresh => drop(ask(&mut stream, habit, &answers).await),
            Habit::Http2 => ask_by_http2(stream, &answers).await,
        }
    };
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}

/// Whether the connection may be used again.
async fn ask(stream: &mut TcpStream, habit: Habit, answers: &AtomicUsize) -> bool {
    let mut answer = Vec::new();
    stream.write_all(HELLO.as_bytes()).await.unwrap_or_else(|error| panic!("{habit:?}: {error}"));
    while !answer.ends_with(b"hello") {
        let read = stream.read_buf(&mut answer).await.unwrap_or_else(|error| panic!("{habit:?}: {error}"));
        assert!(read > 0, "{habit:?}: cut after {:?}", String::from_utf8_lossy(&answer));
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    answers.fetch_add(1, Ordering::Relaxed);
    !answer.contains("connection: close")
}

/// Asks until the other side says that it goes.
async fn ask_by_http2(stream: TcpStream, answers: &AtomicUsize) {
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    loop {
        sender = match sender.ready().await {
            Ok(sender) => sender,
            Err(gone) => {
                assert!(gone.is_go_away() && gone.reason() == Some(h2::Reason::NO_ERROR), "{gone}");
                break;
            }
        };
        let request = Request::get("http://x/hello").body(()).unwrap();
        let response = sender.send_request(request, true).unwrap().0.await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.into_body().data().await.unwrap().unwrap(), "hello");
        answers.fetch_add(1, Ordering::Relaxed);
    }
    connection.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_let_in_is_answered_also_while_the_host_stops() {
    let (mut host, client) = process("").await;
    let (mut clients, answers) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    for habit in [Habit::KeepAlive, Habit::Fresh, Habit::Http2] {
        for _ in 0..4 {
            clients.spawn(ask_again_and_again(client.address, habit, answers.clone()));
        }
    }
    until("there is load", async || (answers.load(Ordering::Relaxed) > 1_000).then_some(())).await;
    terminate(&mut host).await;
    clients.join_all().await;
    assert_eq!(host.end().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_whose_settings_change_keeps_its_port_and_lets_nobody_down() {
    let file = ManifestFile::new(&manifest(", max-body = '1KiB'", ""));
    let mut host = Process::run(&file);
    let client = host.client("guest").await;
    host.ready().await;
    let answers = Arc::new(AtomicUsize::new(0));
    let (address, counted) = (client.address, answers.clone());
    let clients = tokio::spawn(async move {
        loop {
            let mut stream = TcpStream::connect(address).await.unwrap();
            ask(&mut stream, Habit::Fresh, &counted).await;
        }
    });
    let large = async || client.post_text("/hello", "x".repeat(1500)).await.status;
    assert_eq!(large().await, 413);
    std::fs::write(file.path(), manifest(", max-body = '2KiB'", "")).unwrap();
    until("the other setting holds", async || (large().await == 405).then_some(())).await;
    let before = answers.load(Ordering::Relaxed);
    until("there are more answers", async || (answers.load(Ordering::Relaxed) > before + 10).then_some(())).await;
    assert!(!clients.is_finished(), "{:?}", clients.await);
    clients.abort();
}

/// A load balancer that asks `/readyz` sends nothing more before the port closes.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_told_to_stop_is_not_ready_before_it_stops_accepting() {
    let delayed = |delay: &str| {
        let settings =
            format!("[admin]\ntoken = 'for-tests'\nlisten = '127.0.0.1:0'\n[host]\nshutdown-delay = '{delay}'\n");
        ManifestFile::new(&format!("{}\n{settings}", manifest("", "")))
    };
    let manifest = delayed("1h");
    let mut host = Process::run(&manifest);
    let (client, admin) = (host.client("guest").await, host.client("the admin port").await);
    host.ready().await;
    admin.get("/readyz").await.expect(200);
    terminate(&mut host).await;
    let said = until("it is not ready", async || {
        let reply = admin.get("/readyz").await;
        (reply.status == 503).then(|| reply.text().to_owned())
    })
    .await;
    assert!(said.contains("\"stopping\""), "{said}");
    for _ in 0..20 {
        Client::new(client.address).get("/hello").await.expect(200);
    }
    host.signal(Signal::TERM);
    host.end().await.expect(130);
    // One that is not so long comes to its end.
    let manifest = delayed("500ms");
    let mut host = Process::run(&manifest);
    host.ready().await;
    host.signal(Signal::TERM);
    host.end().await.expect(0);
}
