//! Clients that begin TLS and do not end it.

use std::time::Instant;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::misbehave::misbehave;
use crate::support::tls::{Authority, Https};
use crate::support::wait::PATIENCE;

/// The first bytes of a handshake whose rest does not come: a record of 512 bytes.
const BEGUN: &[u8] = &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01];

async fn listener(settings: &str) -> (componentd::Host, Https) {
    let authority = Authority::new();
    let tls = authority.certificate("own", &["localhost"]).table("");
    let (host, client) = misbehave(&format!(", {tls}, {settings}"), "").await;
    (host, Https::new(client.address, &authority.ca(), &["h2"], None))
}

/// Waits for the host to close a connection, or to reset it where it has not read all.
async fn closed(mut stream: TcpStream) {
    let mut sink = tokio::io::sink();
    let end = tokio::time::timeout(PATIENCE, tokio::io::copy(&mut stream, &mut sink)).await;
    let _ = end.expect("the host closes it");
}

/// They have the time of a head, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_has_a_deadline() {
    let (_host, https) = listener("header-timeout = '300ms'").await;
    for begun in [&[][..], BEGUN] {
        let mut stream = TcpStream::connect(https.address).await.unwrap();
        stream.write_all(begun).await.unwrap();
        closed(stream).await;
    }
    assert_eq!(https.get("/hello").await.unwrap().1, "hello");
}

/// They give their places to whoever comes.
#[tokio::test(flavor = "multi_thread")]
async fn handshakes_keep_nobody_out() {
    let (_host, https) =
        listener("header-timeout = '10m', max-connections = 10, max-connections-per-address = 10").await;
    let (begun, mut half) = (Instant::now(), Vec::new());
    for _ in 0..3 {
        for _ in 0..10 {
            let mut stream = TcpStream::connect(https.address).await.unwrap();
            stream.write_all(BEGUN).await.unwrap();
            half.push(stream);
        }
        assert_eq!(https.get("/hello").await.unwrap().1, "hello");
    }
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

/// What is no TLS at all ends its own connection only.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_handshake_end_their_connection() {
    let (_host, https) = listener("header-timeout = '10m'").await;
    for bytes in
        [&b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[0xff; 4096], &[0; 64]]
    {
        let mut stream = TcpStream::connect(https.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        closed(stream).await;
        assert_eq!(https.get("/hello").await.unwrap().1, "hello");
    }
}
