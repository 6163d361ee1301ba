//! What a component is told of a request that fails: each error code of `wasi:http` by a server that causes it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::support::host::free_port;
use crate::support::misbehave::manifest;
use crate::support::peer::{self, Full, read_past};
use crate::support::probe::Probe;

/// Far less than the host waits where a component says nothing, far more than anything here takes.
const SOON: Duration = Duration::from_secs(3);

/// A guest that may call this, by both schemes.
async fn probe(authority: &str) -> Probe {
    let grants = format!(
        "grants.http = [{{ origin = 'http://{authority}', private = true }}, {{ origin = 'https://{authority}', private = true }}]"
    );
    Probe::start(&grants).await
}

/// The answer to a call of this server, with these further members.
async fn fetch(authority: &str, more: Value) -> Value {
    fetch_by(&probe(authority).await, authority, more).await
}

async fn fetch_by(probe: &Probe, authority: &str, more: Value) -> Value {
    let mut call = json!({ "authority": authority });
    call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let reply = probe.calls().post("/fetch", &call).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

/// The code without the name of its type: `ConnectionRefused`.
fn code(answer: &Value) -> &str {
    let kind = answer["error"]["kind"].as_str().unwrap_or_else(|| panic!("{answer}"));
    kind.strip_prefix("ErrorCode::").unwrap()
}

async fn code_of(server: SocketAddr, more: Value) -> String {
    code(&fetch(&server.to_string(), more).await).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_without_a_listener_refuses() {
    let closed = format!("127.0.0.1:{}", free_port());
    assert_eq!(code(&fetch(&closed, json!({})).await), "ConnectionRefused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_none_is_a_dns_error() {
    let answer = fetch("nowhere.invalid", json!({})).await;
    assert!(code(&answer).starts_with("DnsError("), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connect_timeout_is_the_components() {
    let full = Full::start().await;
    let probe = probe(&full.address.to_string()).await;
    let started = Instant::now();
    let answer = fetch_by(&probe, &full.address.to_string(), json!({ "connect_timeout_ms": 200 })).await;
    assert_eq!(code(&answer), "ConnectionTimeout");
    assert!((Duration::from_millis(200)..SOON).contains(&started.elapsed()), "{:?}", started.elapsed());
}

/// A server that takes the connection and then says nothing of TLS has given no connection that can be used.
#[tokio::test(flavor = "multi_thread")]
async fn the_connect_timeout_covers_tls() {
    let silent = peer::stalling_after("").await;
    let started = Instant::now();
    assert_eq!(code_of(silent, json!({ "https": true, "connect_timeout_ms": 200 })).await, "ConnectionTimeout");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

/// The first connection is kept and used again, where no other could be had.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_there_needs_no_time() {
    let mut full = Full::start().await;
    let authority = full.address.to_string();
    let probe = probe(&authority).await;
    let serving = tokio::spawn(async move {
        let mut stream = full.take_next().await;
        for _ in 0..3 {
            read_past(&mut stream, b"\r\n\r\n").await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        }
        full
    });
    for _ in 0..3 {
        let answer = fetch_by(&probe, &authority, json!({ "connect_timeout_ms": 5000 })).await;
        assert_eq!(answer["body"], "ok", "{answer}");
    }
    drop(serving.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_closes_before_it_answers_is_terminated() {
    assert_eq!(code_of(peer::answering("").await, json!({})).await, "ConnectionTerminated");
    assert_eq!(code_of(peer::answering("HTTP/1.1 200 O").await, json!({})).await, "ConnectionTerminated");
    let closes = peer::start(|stream| async { drop(stream) }).await;
    assert_eq!(code_of(closes, json!({ "https": true })).await, "ConnectionTerminated");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_speak_http_breaks_the_protocol() {
    let banner = "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n";
    assert_eq!(code_of(peer::answering(banner).await, json!({})).await, "HttpProtocolError");
    // One that speaks first may end the connection before the request is given to it, which is all that is known then.
    let first = code_of(peer::greeting(banner).await, json!({})).await;
    assert!(["HttpProtocolError", "ConnectionTerminated"].contains(&first.as_str()), "{first}");
    let odd = "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n";
    assert_eq!(code_of(peer::answering(odd).await, json!({})).await, "HttpProtocolError");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_without_end_is_too_large() {
    let fields: String = (0..1000).map(|number| format!("x-{number}: a\r\n")).collect();
    let head = format!("HTTP/1.1 200 OK\r\n{fields}content-length: 0\r\n\r\n");
    assert_eq!(code_of(peer::answering(head).await, json!({})).await, "HttpResponseHeaderSectionSize(None)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_is_incomplete() {
    let counted = peer::answering("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").await;
    assert_eq!(code_of(counted, json!({})).await, "HttpResponseIncomplete");
    let chunked = peer::answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
    assert_eq!(code_of(chunked, json!({})).await, "HttpResponseIncomplete");
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_are_none_are_a_transfer_coding() {
    let garbled = peer::answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n").await;
    assert_eq!(code_of(garbled, json!({})).await, "HttpResponseTransferCoding(Some(\"chunked\"))");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_silent_before_or_within_its_answer_times_out() {
    let silent = peer::stalling_after("").await;
    assert_eq!(code_of(silent, json!({ "first_byte_timeout_ms": 200 })).await, "HttpResponseTimeout");
    let stalls = peer::stalling_after("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").await;
    assert_eq!(code_of(stalls, json!({ "between_bytes_timeout_ms": 200 })).await, "ConnectionReadTimeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_fails_by_protocol_by_alert_or_by_certificate() {
    let https = json!({ "https": true });
    let plain = peer::greeting("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    assert_eq!(code_of(plain, https.clone()).await, "TlsProtocolError");
    // A record of TLS 1.2 with a fatal `handshake_failure`.
    let alert = peer::greeting([21, 3, 3, 0, 2, 2, 40]).await;
    let received = code_of(alert, https.clone()).await;
    assert!(received.starts_with("TlsAlertReceived(") && received.contains("alert-id: Some(40)"), "{received}");
    assert_eq!(code_of(peer::self_signed().await, https).await, "TlsCertificateError");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_another_length_than_it_says_is_the_components_fault() {
    let server = peer::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let more = json!({ "body": "abc", "headers": { "content-length": "10" } });
    assert_eq!(code_of(server, more).await, "HttpRequestBodySize(Some(3))");
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_go_both_ways() {
    let server = peer::start(|mut stream| async move {
        let head = read_past(&mut stream, b"\r\n\r\n").await;
        let body = read_past(&mut stream, b"\r\n\r\n").await;
        let seen = format!("{}", head.contains("trailer: x-sum") && body == "3\r\nabc\r\n0\r\nx-sum: 6\r\n\r\n");
        let answer = format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-seen\r\n\r\n4\r\nbody\r\n0\r\nx-seen: {seen}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let more = json!({ "body": "abc", "headers": { "trailer": "x-sum" }, "trailers": { "x-sum": "6" } });
    let answer = fetch(&server.to_string(), more).await;
    assert_eq!(answer, json!({ "status": 200, "body": "body", "trailers": { "x-seen": "true" } }));
}

#[tokio::test(flavor = "multi_thread")]
async fn services_of_this_host_are_bound_by_the_same_limits() {
    let grants = "grants.http = [{ origin = 'http://guest.internal' }]";
    let probe = Probe::start(&format!("{grants}\n{}", manifest("", ""))).await;
    let sleeps = json!({ "path": "/sleep?ms=60000", "first_byte_timeout_ms": 200 });
    assert_eq!(code(&fetch_by(&probe, "guest.internal", sleeps).await), "HttpResponseTimeout");
    let stalls = json!({ "path": "/body?parts=1&end=keep&pause=60000", "between_bytes_timeout_ms": 200 });
    assert_eq!(code(&fetch_by(&probe, "guest.internal", stalls).await), "ConnectionReadTimeout");
}
