//! Clients and callers: circles of services, deadlines that others use up, clients that go away.

use std::time::{Duration, Instant};

use componentd::Host;
use http::Method;
use serde_json::json;

use crate::support::client::Client;
use crate::support::host::{ADMIN, admin, client, invocations};
use crate::support::misbehave::{manifest, misbehave};
use crate::support::probe::Probe;
use crate::support::wait::until;
use crate::support::wire::Wire;

/// Longer than a test waits for anything.
const FOR_EVER: &str = "/sleep?ms=600000";

/// A guest that may call itself and `guest`, with these limits of each.
async fn chain(limits: &str, callee: &str) -> Probe {
    let grants = "grants.http = [{ origin = 'http://probe.internal' }, { origin = 'http://guest.internal' }]";
    Probe::start(&format!("{grants}\nlimits = {{ {limits} }}\n{}\n{ADMIN}", manifest("", callee))).await
}

/// A chain of which the guest has only one place, and that is taken.
async fn wait_under_way(probe: &Probe) -> Wire {
    let callee = client(probe.host(), "guest");
    loop {
        let wire = ask_and_wait(probe).await;
        let is_waiting = until("the place is taken", async || {
            (wire.has_more() || callee.get("/hello").await.status == 503).then(|| !wire.has_more())
        });
        // Whoever looks may have had the place when the chain came.
        if is_waiting.await {
            return wire;
        }
    }
}

/// Asks the probe to wait for what the guest never answers, on a connection that the test may close.
async fn ask_and_wait(probe: &Probe) -> Wire {
    let body = json!({ "url": format!("http://guest.internal{FOR_EVER}"), "timeout_ms": 600_000 }).to_string();
    let mut wire = Wire::open(&client(probe.host(), "probe")).await;
    let length = body.len();
    let head = "POST /http HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length:";
    wire.write(&format!("{head} {length}\r\n\r\n{body}")).await;
    wire
}

async fn ended(host: &Host, service: &str, outcome: &str) -> u64 {
    invocations(&admin(host), service, outcome).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_calls_itself_comes_to_an_end() {
    let probe = chain("hops = 5, timeout = '60s'", "").await;
    let begun = Instant::now();
    let answer = client(probe.host(), "probe").get("/circle?service=probe").await.json();
    assert_eq!(answer["depth"], 5, "{answer}");
    assert!(answer["end"].as_str().unwrap().contains("LoopDetected"), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert_eq!(ended(probe.host(), "probe", "ok").await, 6, "one for each hop, and the first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callee_has_no_more_time_than_its_caller_has_left() {
    let probe = chain("timeout = '5s'", "limits = { timeout = '10m' }").await;
    let begun = Instant::now();
    let call = json!({ "url": format!("http://guest.internal{FOR_EVER}"), "timeout_ms": 600_000 });
    probe.calls().post("/http", &call).await.problem(504);
    until("the callee has ended as well", async || {
        let (late, abandoned) =
            (ended(probe.host(), "guest", "timeout").await, ended(probe.host(), "guest", "abandoned").await);
        (late + abandoned == 1).then_some(())
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_ends_with_its_client_and_holds_up_no_stop() {
    let probe = chain("timeout = '10m'", "limits = { timeout = '10m', concurrency = 1, queue = 0 }").await;
    drop(wait_under_way(&probe).await);
    let quiet = client(probe.host(), "guest");
    until("the place is free", async || (quiet.get("/hello").await.status == 200).then_some(())).await;
    for service in ["probe", "guest"] {
        assert_eq!(ended(probe.host(), service, "abandoned").await, 1, "{service}");
    }
    let begun = Instant::now();
    probe.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_whose_client_has_gone_gives_its_place_back() {
    let (host, client) =
        misbehave("", &format!("limits = {{ timeout = '10m', concurrency = 1, queue = 0 }}\n{ADMIN}")).await;
    let mut wire = Wire::open(&client).await;
    wire.write(&format!("GET {FOR_EVER} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
    until("its only place is taken", async || (client.get("/hello").await.status == 503).then_some(())).await;
    drop(wire);
    until("its place is free", async || (client.get("/hello").await.status == 200).then_some(())).await;
    assert_eq!(ended(&host, "guest", "abandoned").await, 1);
    assert_eq!(ended(&host, "guest", "trap").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_part_of_the_timeout() {
    const TIMEOUT: Duration = Duration::from_secs(3);
    let (_host, client) = misbehave("", "limits = { timeout = '3s', concurrency = 1 }").await;
    let begun = Instant::now();
    let all = (0..4).map(|_| client.get(FOR_EVER));
    for reply in futures_util::future::join_all(all).await {
        reply.problem(504);
    }
    assert!(begun.elapsed() < TIMEOUT * 2, "one after the other would take 12 s: {:?}", begun.elapsed());
    client.get("/hello").await.expect(200);
}

/// What comes back on a connection of its own, up to its close.
async fn raw(client: &Client, request: &str) -> String {
    let mut wire = Wire::open(client).await;
    wire.write(request).await;
    wire.read_to_end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_no_proxy() {
    let (host, client) = misbehave("", ADMIN).await;
    let address = client.address;
    let answer = raw(&client, &format!("CONNECT {address} HTTP/1.1\r\nhost: {address}\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 501 ") && answer.contains("application/problem+json"), "{answer}");
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::builder().method(Method::CONNECT).uri(address.to_string()).body(()).unwrap();
    let sent = sender.ready().await.unwrap().send_request(request, true).unwrap();
    assert_eq!(sent.0.await.unwrap().status(), 501);
    assert_eq!(ended(&host, "guest", "ok").await, 0, "no component has seen it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_whose_end_two_servers_could_see_elsewhere_is_refused() {
    let (_host, client) = misbehave("", "").await;
    let encodings =
        ["identity, chunked", "chunked, chunked", "gzip, chunked", "identity", "x\r\ntransfer-encoding: chunked"];
    for encoding in encodings {
        let head = format!("POST /trailers HTTP/1.1\r\nhost: x\r\ntransfer-encoding: {encoding}\r\n\r\n");
        let answer = raw(&client, &format!("{head}0\r\n\r\nGET /hello HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{encoding}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{encoding}: {answer}");
    }
    let doubled = "POST /trailers HTTP/1.1\r\nhost: a\r\nhost: a\r\ncontent-length: 0\r\n\r\n";
    assert!(raw(&client, doubled).await.starts_with("HTTP/1.1 400 "));
}
