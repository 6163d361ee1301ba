//! Whom a request is for must be said once and clearly: RFC 9112 section 3.2, RFC 9113 section 8.3.1.

use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::Client;
use crate::support::host::{ADMIN, admin};
use crate::support::misbehave::misbehave;
use crate::support::wait::PATIENCE;
use crate::support::wire::Wire;

const WRONG: [&str; 9] = [
    "",
    "host: a\r\nhost: a\r\n",
    "host: a\r\nHost: b\r\n",
    "host:\r\n",
    "host: a b\r\n",
    "host: user@a\r\n",
    "host: a:port\r\n",
    "host: [::1\r\n",
    "host: a/b\r\n",
];

/// All that comes back, up to the close of the connection.
async fn get(client: &Client, target: &str, version: &str, headers: &str) -> String {
    let mut wire = Wire::open(client).await;
    wire.write(&format!("GET {target} HTTP/{version}\r\n{headers}\r\n")).await;
    wire.read_to_end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn by_http_1_1_each_request_names_its_host_on_every_listener() {
    let (host, client) = misbehave("", ADMIN).await;
    // The admin port also looks whether it is meant.
    let any = &["a", "localhost:8081", "[::1]:80", "EXAMPLE.com", "a_b:"][..];
    for (client, path, rights) in [(&client, "/hello", any), (&admin(&host), "/healthz", &any[1..3])] {
        for wrong in WRONG {
            let answer = get(client, path, "1.1", wrong).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{wrong:?}: {answer}");
            assert!(answer.contains("application/problem+json") && answer.contains("x-request-id: "), "{answer}");
        }
        for right in rights {
            let answer = get(client, path, "1.1", &format!("host: {right}\r\nconnection: close\r\n")).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{right}: {answer}");
        }
    }
}

/// It is over with the first request that is not clear: who sent the next one is not clear either.
#[tokio::test(flavor = "multi_thread")]
async fn what_follows_on_the_connection_is_not_answered() {
    let (_host, client) = misbehave("", "").await;
    let mut wire = Wire::open(&client).await;
    wire.write("GET /hello HTTP/1.1\r\n\r\nGET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let answer = wire.read_to_end().await;
    assert!(answer.matches("HTTP/1.1 ").count() == 1 && answer.contains("connection: close"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_http_1_0_it_may_be_left_out_and_not_doubled() {
    let (_host, client) = misbehave("", "").await;
    assert!(get(&client, "/hello", "1.0", "").await.starts_with("HTTP/1.0 200 "));
    assert!(get(&client, "/hello", "1.0", "host: a\r\n").await.starts_with("HTTP/1.0 200 "));
    assert!(get(&client, "/hello", "1.0", "host: a\r\nhost: a\r\n").await.starts_with("HTTP/1.0 400 "));
}

/// The target says it, and `Host` is only there.
#[tokio::test(flavor = "multi_thread")]
async fn an_absolute_target_counts_more() {
    let (_host, client) = misbehave("", "").await;
    let get = async |target: &str, headers: &str| get(&client, target, "1.1", headers).await;
    assert!(get("http://a/hello", "host: b\r\nconnection: close\r\n").await.starts_with("HTTP/1.1 200 "));
    assert!(get("http://a/hello", "").await.starts_with("HTTP/1.1 400 "));
    assert!(get("http://user@a/hello", "host: a\r\n").await.starts_with("HTTP/1.1 400 "));
}

async fn http2(client: &Client, authority: &str, host: &[&str]) -> u16 {
    let stream = TcpStream::connect(client.address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::get(format!("http://{authority}/hello"));
    for host in host {
        request = request.header("host", *host);
    }
    let sent = sender.ready().await.unwrap().send_request(request.body(()).unwrap(), true);
    sent.unwrap().0.await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn by_http_2_both_names_are_of_the_same() {
    let (_host, client) = misbehave("", "").await;
    for host in [&[][..], &["a.example"], &["A.example:80"]] {
        assert_eq!(http2(&client, "a.example", host).await, 200, "{host:?}");
    }
    for host in [&["b.example"][..], &["a.example:81"], &["a.example", "a.example"], &["a b"]] {
        assert_eq!(http2(&client, "a.example", host).await, 400, "{host:?}");
    }
}

/// The `:status` of an answer by HTTP/2 to `GET /hello` without `:authority`, and with these header fields in the form of
/// HPACK. No client of ours can leave it out.
async fn without_authority(client: &Client, fields: &[u8]) -> u8 {
    let mut stream = TcpStream::connect(client.address).await.unwrap();
    let head = [b"\x82\x86\x04\x06/hello".as_slice(), fields].concat();
    let length = u8::try_from(head.len()).unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    stream.write_all(&[0, 0, length, 0x01, 0x05, 0, 0, 0, 1]).await.unwrap();
    stream.write_all(&head).await.unwrap();
    loop {
        let mut frame = [0; 9];
        tokio::time::timeout(PATIENCE, stream.read_exact(&mut frame)).await.expect("an answer").unwrap();
        let mut payload = vec![0; usize::from(frame[1]) << 8 | usize::from(frame[2])];
        stream.read_exact(&mut payload).await.unwrap();
        if frame[3] == 0x01 {
            return payload
                .into_iter()
                .find(|byte| (0x88..=0x8e).contains(byte))
                .expect("a status of the static table");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_http_2_host_will_do_and_nothing_will_not() {
    const OK: u8 = 0x88;
    const BAD_REQUEST: u8 = 0x8c;
    let (_host, client) = misbehave("", "").await;
    assert_eq!(without_authority(&client, b"\x0f\x17\x09a.example").await, OK);
    assert_eq!(without_authority(&client, b"").await, BAD_REQUEST);
}
