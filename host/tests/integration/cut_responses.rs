//! A response whose invocation fails is seen to fail: by its status, or where that is out, by a body that has no end.

use std::error::Error;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::files::guest;
use crate::support::host::{ADMIN, admin, invocations};
use crate::support::misbehave::{manifest, misbehave};
use crate::support::probe::Probe;
use crate::support::process::{ManifestFile, Process};
use crate::support::wait::{PATIENCE, until};
use crate::support::wire::Wire;

/// Time and processor time enough for what is well, and soon over for what is not.
const LIMITS: &str = "limits = { timeout = '1s', cpu = '300ms' }";

/// More parts than the host buffers, and a pause: the head is out before the failure comes.
const FAILURES: [&str; 8] = [
    "parts=64&pause=10&end=keep&then=trap",
    "parts=64&pause=10&end=drop&then=trap",
    "parts=64&pause=10&end=keep&then=spin",
    "parts=64&end=keep&pause=60000",
    "parts=64&end=drop",
    "parts=64&end=keep",
    "parts=0&end=keep&pause=10&then=trap",
    "parts=1&end=keep&pause=10",
];

/// What is left of an answer by HTTP/1.1 once the connection is closed.
async fn wire(client: &Client, query: &str) -> String {
    let mut wire = Wire::open(client).await;
    wire.write(&format!("GET /body?{query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
    let answer = wire.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{query}: {answer:.200}");
    answer
}

/// The body, or the reset of its stream.
async fn http2(client: &Client, query: &str) -> Result<Bytes, h2::Reason> {
    let response = open(&Client::h2c(client.address), query).await;
    let body = response.collect().await.map_err(|error| {
        let reset = error.source().and_then(|error| error.downcast_ref::<h2::Error>()).expect("a reset");
        assert!(reset.is_remote(), "{query}: {reset}");
        reset.reason().unwrap()
    })?;
    Ok(body.to_bytes())
}

/// The body of an answer with 200, not read yet.
async fn open(client: &Client, query: &str) -> Incoming {
    let response = client.open(client.request(Method::GET, &format!("/body?{query}"), "")).await;
    assert_eq!(response.status(), 200, "{query}");
    response.into_body()
}

#[tokio::test(flavor = "multi_thread")]
async fn by_http_1_1_the_last_chunk_is_missing() {
    let (_host, client) = misbehave("", LIMITS).await;
    for query in FAILURES {
        let answer = wire(&client, query).await;
        assert!(answer.contains("transfer-encoding: chunked") && !answer.ends_with("0\r\n\r\n"), "{query}");
    }
    assert!(wire(&client, "parts=64").await.ends_with("0\r\n\r\n"), "one that is well has it");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_http_1_1_a_declared_length_is_not_reached() {
    let (_host, client) = misbehave("", LIMITS).await;
    let length_of_body = |answer: &str| answer.split_once("\r\n\r\n").unwrap().1.len();
    for query in FAILURES.into_iter().filter(|query| !query.starts_with("parts=0")) {
        let answer = wire(&client, &format!("declared=true&{query}")).await;
        let declared = if query.starts_with("parts=64") { 64 * 4096 } else { 4096 };
        assert!(answer.contains(&format!("content-length: {declared}\r\n")), "{query}: {answer:.200}");
        assert!(length_of_body(&answer) < declared, "{query}");
    }
    assert_eq!(length_of_body(&wire(&client, "declared=true&parts=64").await), 64 * 4096);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_http_2_the_stream_is_reset() {
    let (_host, client) = misbehave("", LIMITS).await;
    for query in FAILURES {
        assert_eq!(http2(&client, query).await.unwrap_err(), h2::Reason::INTERNAL_ERROR, "{query}");
    }
    assert_eq!(http2(&client, "parts=64").await.unwrap().len(), 64 * 4096);
}

/// A client of 1.0 could not tell a body that is cut from one that ends.
#[tokio::test(flavor = "multi_thread")]
async fn by_http_1_0_nothing_is_sent_before_it_is_whole() {
    let (_host, client) = misbehave("", LIMITS).await;
    let get = async |query: &str| {
        let mut wire = Wire::open(&client).await;
        wire.write(&format!("GET /body?{query} HTTP/1.0\r\n\r\n")).await;
        wire.read_to_end().await
    };
    for query in FAILURES {
        let answer = get(query).await;
        assert!(answer.starts_with("HTTP/1.0 500 "), "{query}: {answer:.200}");
    }
    let answer = get("parts=64").await;
    assert!(answer.starts_with("HTTP/1.0 200 ") && answer.contains("content-length: 262144\r\n"), "{answer:.200}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nothing_is_sent_the_failure_is_the_answer() {
    let (_host, client) = misbehave("", LIMITS).await;
    for query in ["then=trap", "end=drop", "end=keep", "end=drop&then=trap", "end=keep&then=trap", "parts=0&then=trap"]
    {
        client.get(&format!("/body?{query}")).await.problem(500);
    }
    client.get("/body").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_there_is_measured_before_it_is_sent() {
    let (_host, client) = misbehave("", "limits = { response = '8KiB' }").await;
    client.get("/body?parts=3").await.problem(500);
    assert_eq!(client.get("/body?parts=2").await.expect(200).len(), 8192);
}

/// It has until its deadline for what else it does.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_finished_is_whole_though_the_component_works_on() {
    let (_host, client) = misbehave("", "limits = { timeout = '600s' }").await;
    for client in [&client, &Client::h2c(client.address)] {
        for query in ["parts=64&pause=300000", "parts=64&declared=true&pause=300000"] {
            let reply = tokio::time::timeout(PATIENCE, client.get(&format!("/body?{query}"))).await;
            assert_eq!(reply.expect("the body's end does not wait").expect(200).len(), 64 * 4096, "{query}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_within_the_host_sees_it_as_well() {
    let grants = "grants.http = [{ origin = 'http://guest.internal' }]";
    let probe = Probe::start(&format!("{grants}\n{}", manifest("", LIMITS))).await;
    let call = async |query: &str| {
        let url = format!("http://guest.internal/body?{query}");
        probe.calls().http(json!({ "url": url, "timeout_ms": 60_000 })).await
    };
    for query in FAILURES {
        let answer = call(query).await;
        assert!(answer["error"].is_object() && answer["status"].is_null(), "{query}: {answer}");
    }
    assert_eq!(call("then=trap").await["status"], 500);
    assert_eq!(call("parts=64").await["body"].as_str().unwrap().len(), 64 * 4096);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_is_cut_at_the_drain_deadline() {
    let service = format!("limits = {{ timeout = '600s' }}\nswap = {{ drain = '1ms' }}\n{ADMIN}");
    let (host, client) = misbehave("", &service).await;
    let mut wire = Wire::open(&client).await;
    wire.write("GET /body?parts=64&end=keep&pause=600000 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    wire.read_until("\r\n\r\n").await;
    let admin = admin(&host);
    let other = std::fs::read(guest("hello")).unwrap();
    admin.send(admin.request(Method::POST, "/services/guest/versions", other)).await.expect(200);
    assert!(!wire.read_to_end().await.ends_with("0\r\n\r\n"));
}

/// A host as a process, whose log can be read.
async fn process(service: &str) -> (Process, Client, Client) {
    let manifest = ManifestFile::new(&format!("{}\n{ADMIN}", manifest("", service)));
    let mut host = Process::run(&manifest);
    let (client, admin) = (host.client("guest").await, host.client("the admin port").await);
    host.ready().await;
    (host, client, admin)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_counted_once_and_the_log_says_why() {
    let (mut host, client, admin) = process(&format!("{LIMITS}\nisolation = 'request'")).await;
    client.get("/body?parts=64").await.expect(200);
    for (query, outcome, reason) in [
        ("parts=64&pause=10&end=keep&then=trap", "trap", "the component trapped"),
        ("parts=64&pause=10&end=keep&then=spin", "cpu", "its processor time of 300ms"),
        ("parts=64&end=keep&pause=60000", "timeout", "the invocation took longer than 1s (limits.timeout)"),
        ("parts=64&end=drop", "incomplete", "the component has not finished its response"),
    ] {
        wire(&client, query).await;
        let is_it = |line: &Value| {
            let message = line["message"].as_str().unwrap_or_default();
            message.starts_with("the response was cut: ") && message.contains(reason)
        };
        let line = host.line(query, is_it).await;
        assert_eq!((&line["bytes"], &line["level"]), (&json!(64 * 4096), &json!("ERROR")), "{line}");
        assert!(line["span"]["request_id"].is_string(), "{line}");
        until(outcome, async || (invocations(&admin, "guest", outcome).await == 1).then_some(())).await;
    }
    assert_eq!(invocations(&admin, "guest", "ok").await, 1);
}

/// It was finished, and all of it is in the host; but what the invocation did besides may be undone.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_slow_sees_what_failed_before_it_had_read_all() {
    let (mut host, client, admin) = process(LIMITS).await;
    let stream = tokio::net::TcpStream::connect(client.address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get(format!("http://{}/body?parts=20&pause=10&then=trap", client.address)).body(()).unwrap();
    let (response, _) = sender.ready().await.unwrap().send_request(request, true).unwrap();
    let mut body = response.await.unwrap().into_body();
    // The window of a stream has room for 16 parts. The rest waits for the client, and the component for nobody.
    host.line("it failed", |line| line["message"].as_str().is_some_and(|text| text.contains("trapped"))).await;
    let mut read = 0;
    let error = loop {
        match body.data().await.expect("no end") {
            Ok(part) => {
                read += part.len();
                body.flow_control().release_capacity(part.len()).unwrap();
            }
            Err(error) => break error,
        }
    };
    assert!(read <= 20 * 4096 && error.is_reset(), "{read} {error}");
    until("it is counted", async || (invocations(&admin, "guest", "trap").await == 1).then_some(())).await;
    assert_eq!(invocations(&admin, "guest", "ok").await, 0);
    connection.abort();
}
