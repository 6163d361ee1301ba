//! Components that break the rules of HTTP, of their interface, or of handles.

use bytes::Bytes;
use http::{HeaderMap, Request};
use tokio::net::TcpStream;

use crate::support::client::Client;
use crate::support::host::{ADMIN, admin, client, invocations, start};
use crate::support::misbehave::{manifest, misbehave};
use crate::support::wire::Wire;

/// All of an answer by HTTP/1.1, on a connection of its own.
async fn raw(client: &Client, path: &str, headers: &str) -> String {
    let mut wire = Wire::open(client).await;
    wire.write(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n{headers}connection: close\r\n\r\n")).await;
    wire.read_to_end().await
}

/// An answer by HTTP/2: the status, the sizes of the frames of its body, and what comes behind it.
async fn h2(client: &Client, path: &str) -> Result<(u16, Vec<usize>, Option<HeaderMap>), h2::Error> {
    let stream = TcpStream::connect(client.address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await?;
    let driver = tokio::spawn(connection);
    let request = Request::get(format!("http://{}{path}", client.address)).body(()).unwrap();
    let (response, _) = sender.ready().await?.send_request(request, true)?;
    let (head, mut body) = response.await?.into_parts();
    let mut frames = Vec::new();
    while let Some(frame) = body.data().await {
        let frame: Bytes = frame?;
        body.flow_control().release_capacity(frame.len())?;
        frames.push(frame.len());
    }
    let trailers = body.trailers().await?;
    driver.abort();
    Ok((head.status.as_u16(), frames, trailers))
}

async fn is_well(client: &Client) {
    assert_eq!(client.get("/hello").await.expect(200), "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_one_answer() {
    let (host, client) = misbehave("", ADMIN).await;
    for _ in 0..3 {
        client.get("/twice").await.problem(500);
        is_well(&client).await;
    }
    assert_eq!(invocations(&admin(&host), "guest", "trap").await, 3);
    host.stop().await;
}

/// A neighbour's are in tables of their own, and so are those of another instance.
#[tokio::test(flavor = "multi_thread")]
async fn a_handle_that_was_not_given_is_of_no_use() {
    let other = manifest("", "").replace("[services.guest]", "[services.other]");
    let host = start(&format!("{}\n{other}", manifest("", ""))).await;
    let (forger, other) = (client(&host, "guest"), client(&host, "other"));
    let waits = tokio::spawn(async move { other.get("/sleep?ms=3000").await.expect(200).to_owned() });
    for kind in ["fields", "stream", "body", "request", "answer"] {
        for handle in [0, 3, 4, 100, 1 << 20, u32::MAX >> 1, u32::MAX] {
            forger.get(&format!("/forge?handle={handle}&as={kind}")).await.problem(500);
        }
    }
    // The request's own handle and that for its answer, as something else.
    for kind in ["fields", "stream", "body"] {
        for handle in [1, 2] {
            forger.get(&format!("/forge?handle={handle}&as={kind}")).await.problem(500);
        }
    }
    is_well(&forger).await;
    assert_eq!(waits.await.unwrap(), "slept");
    host.stop().await;
}

/// Those below 200 are no answers, and those from 600 on are none that a client could know.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_status_of_an_answer_is_not_sent_as_one() {
    let (host, client) = misbehave("", "").await;
    for code in [0, 99, 100, 101, 102, 103, 199, 1_000, 65_535, 70_000] {
        let path = format!("/status?code={code}");
        let answer = raw(&client, &path, "connection: upgrade\r\nupgrade: websocket\r\n").await;
        let refused =
            answer.starts_with("HTTP/1.1 500 ") || answer.starts_with("HTTP/1.1 200 ") && answer.contains("refused");
        assert!(refused && answer.matches("HTTP/1.1 ").count() == 1, "{code}: {answer}");
        let (status, ..) = h2(&client, &path).await.unwrap();
        assert!(status == 500 || status == 200, "{code}: {status}");
    }
    for code in [204, 304, 418, 599] {
        assert_eq!(client.get(&format!("/status?code={code}")).await.status, code);
    }
    is_well(&client).await;
    host.stop().await;
}

/// Where an answer ends, and what becomes of its connection, is the host's to say.
#[tokio::test(flavor = "multi_thread")]
async fn headers_of_the_connection_are_the_hosts_own() {
    let (host, client) = misbehave("", "").await;
    for name in
        ["transfer-encoding", "connection", "keep-alive", "upgrade", "proxy-connection", "http2-settings", "host"]
    {
        let answer = raw(&client, &format!("/header?name={name}"), "").await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("refused"), "{name}: {answer}");
    }
    // Within the bound of all fields of a head, and past it.
    assert_eq!(client.get("/header?name=x-large&bytes=30000").await.expect(200), "taken");
    client.get("/header?name=x-large&bytes=40000").await.problem(500);
    is_well(&client).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_of_an_answer_say_nothing_of_its_form() {
    let (host, client) = misbehave("", "").await;
    let (te, end) = ("te: trailers\r\n", "0\r\nx-sum: 111\r\n\r\n");
    assert!(raw(&client, "/trailer?name=x-sum&bytes=3", te).await.ends_with(end));
    assert!(raw(&client, "/trailer?name=x-sum&bytes=3", "").await.ends_with("0\r\n\r\n"), "not asked for");
    for name in ["content-length", "transfer-encoding", "connection", "host", "trailer", "content-encoding"] {
        let answer = raw(&client, &format!("/trailer?name={name}"), te).await;
        assert!(answer.ends_with("\r\n4\r\nbody\r\n0\r\n\r\n"), "{name}: {answer}");
    }
    let (_, frames, trailers) = h2(&client, "/trailer?name=x-sum&bytes=3").await.unwrap();
    assert_eq!((frames, trailers.unwrap()["x-sum"].as_bytes()), (vec![4], b"111".as_slice()));
    // What a component has begun, and then traps, has no end.
    let cut = raw(&client, "/trailer?name=x-sum&then=trap", te).await;
    assert!(!cut.ends_with("0\r\n\r\n") && !cut.contains("x-sum: "), "{cut}");
    assert!(
        raw(&client, "/trailer?name=x-sum&bytes=40000", te).await.contains(" 500 "),
        "more than all fields may have"
    );
    is_well(&client).await;
    host.stop().await;
}
