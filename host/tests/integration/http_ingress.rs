//! The listener of a service: limits of what clients may send, how slowly, and how many of them.

use componentd::Host;
use http::Method;

use crate::support::client::Client;
use crate::support::misbehave::misbehave;
use crate::support::wire::Wire;

/// A host of a guest with these settings of its listener.
async fn listener(settings: &str) -> (Host, Client) {
    misbehave(settings, "limits = { timeout = '60s' }").await
}

const HELLO: &str = "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused() {
    let (_host, client) = listener(", max-body = '1KiB'").await;
    let declared = client.send(client.request(Method::POST, "/hello", vec![b'x'; 1025])).await;
    assert_eq!(declared.problem(413)["detail"], "the request's body may have at most 1024 bytes");
    assert_eq!(client.send(client.request(Method::POST, "/hello", vec![b'x'; 1024])).await.status, 405);

    let mut wire = Wire::open(&client).await;
    wire.write("POST /hello HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await;
    wire.write(&format!("800\r\n{}\r\n", "x".repeat(2048))).await;
    assert!(wire.read_until("}").await.starts_with("HTTP/1.1 413 "), "also where the length is not declared");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let (_host, client) = listener(", body-timeout = '300ms'").await;
    let mut wire = Wire::open(&client).await;
    wire.write("POST /hello HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf").await;
    let answer = wire.read_until("}").await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("application/problem+json"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_ends_early_costs_nobody_else_anything() {
    let (_host, client) = listener("").await;
    let mut wire = Wire::open(&client).await;
    wire.write("POST /hello HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf").await;
    drop(wire);
    assert_eq!(client.get("/hello").await.expect(200), "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_are_slow_with_the_head_are_cut_off() {
    let (_host, client) = listener(", header-timeout = '300ms'").await;
    for beginning in ["GET /hello HTTP/1.1\r\nhost: x\r\n", "G", "PRI * HTTP", ""] {
        let mut wire = Wire::open(&client).await;
        wire.write(beginning).await;
        let answer = wire.read_to_end().await;
        assert!(!answer.contains("200"), "{beginning:?}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_serves_many_requests_until_it_is_idle() {
    let (_host, client) = listener(", header-timeout = '1s'").await;
    let mut wire = Wire::open(&client).await;
    for _ in 0..3 {
        wire.write(HELLO).await;
        assert!(wire.read_until("hello").await.starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(wire.read_to_end().await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_may_be_pipelined() {
    let (_host, client) = listener("").await;
    let mut wire = Wire::open(&client).await;
    wire.write(&HELLO.repeat(3)).await;
    for _ in 0..3 {
        wire.read_until("\r\n\r\nhello").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn further_connections_wait_for_a_place() {
    let (_host, client) = listener(", max-connections = 2, max-connections-per-address = 2").await;
    let (mut one, mut two) = (Wire::open(&client).await, Wire::open(&client).await);
    for wire in [&mut one, &mut two] {
        wire.write(HELLO).await;
        wire.read_until("hello").await;
    }
    let mut three = Wire::open(&client).await;
    three.write(HELLO).await;
    // Whoever is served is answered within a few round trips of others.
    for _ in 0..50 {
        for wire in [&mut one, &mut two] {
            wire.write(HELLO).await;
            wire.read_until("hello").await;
        }
    }
    assert!(!three.has_more(), "it is not served while two others are");
    drop(one);
    three.read_until("hello").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_without_tls() {
    let (_host, client) = listener("").await;
    let client = Client::h2c(client.address);
    let requests = (0..20).map(|_| client.get("/hello"));
    for reply in futures_util::future::join_all(requests).await {
        assert_eq!(reply.expect(200), "hello");
    }
    client.get("/trap").await.problem(500);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_0_without_a_host() {
    let (_host, client) = listener("").await;
    let mut wire = Wire::open(&client).await;
    wire.write("GET /hello HTTP/1.0\r\n\r\n").await;
    let answer = wire.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.0 200 ") && answer.ends_with("hello"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_a_bad_request() {
    let (_host, client) = listener("").await;
    for garbage in ["\0\0\0\0\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /hello HTTP/1.1\r\nbad header\r\n\r\n"] {
        let mut wire = Wire::open(&client).await;
        wire.write(garbage).await;
        assert!(wire.read_to_end().await.starts_with("HTTP/1.1 400 "), "{garbage:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_a_request_id_and_the_clients_own_if_it_can_be() {
    let (_host, client) = listener("").await;
    let id_for = async |sent: Option<&str>, path: &str| {
        let mut request = client.request(Method::GET, path, "");
        if let Some(sent) = sent {
            request.headers_mut().insert("x-request-id", sent.parse().unwrap());
        }
        client.send(request).await.header("x-request-id").unwrap().to_owned()
    };
    for path in ["/hello", "/trap", "/nowhere"] {
        assert_eq!(id_for(Some("of-the-client 42"), path).await, "of-the-client 42");
        assert!(uuid::Uuid::parse_str(&id_for(None, path).await).is_ok());
    }
    assert_ne!(id_for(None, "/hello").await, id_for(None, "/hello").await);
    let long = "x".repeat(129);
    assert_ne!(id_for(Some(&long), "/hello").await, long);
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_methods_that_are_not_there() {
    let (_host, client) = listener("").await;
    client.get("/nowhere").await.problem(404);
    let reply = client.post_text("/hello", "").await;
    reply.problem(405);
    assert_eq!(reply.header("allow"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(client.get("/healthz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_behind_a_body_reaches_the_component() {
    let (_host, client) = listener("").await;
    let mut wire = Wire::open(&client).await;
    wire.write("POST /trailers HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n").await;
    wire.write("5\r\nhello\r\n0\r\nx-sum: 42\r\n\r\n").await;
    assert!(wire.read_until("42").await.starts_with("HTTP/1.1 200 "));

    let stream = tokio::net::TcpStream::connect(client.address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::post(format!("http://{}/trailers", client.address)).body(()).unwrap();
    let (response, mut body) = sender.ready().await.unwrap().send_request(request, false).unwrap();
    body.send_data("hello".into(), false).unwrap();
    body.send_trailers([("x-sum".parse().unwrap(), "43".parse().unwrap())].into_iter().collect()).unwrap();
    let answer = response.await.unwrap().into_body().data().await.unwrap().unwrap();
    assert_eq!(answer, "43");
    assert_eq!(client.post_text("/trailers", "hello").await.expect(200), "none");
}
