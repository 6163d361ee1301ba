//! Connections that are kept from others: heads that never end, answers that nobody reads, streams that are stuck.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::client::Client;
use crate::support::footprint::Footprint;
use crate::support::host::ADMIN;
use crate::support::misbehave::{manifest, misbehave};
use crate::support::process::{ManifestFile, Process};
use crate::support::wait::PATIENCE;
use crate::support::wire::Wire;

/// Timeouts that end nothing within a test.
const PATIENT: &str = ", header-timeout = '10m', body-timeout = '10m', write-timeout = '10m'";

const HALF_A_HEAD: &str = "GET /hello HTTP/1.1\r\nhost: x\r\n";

/// A connection from another address of this machine.
async fn from(address: IpAddr, server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((address, 0).into()).unwrap();
    socket.connect(server).await.unwrap()
}

/// A neighbour is served, whose connection is a new one.
async fn is_served(client: &Client) {
    Client::new(client.address).get("/hello").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_sent_heads_keep_nobody_out() {
    let settings = format!("{PATIENT}, max-connections = 20, max-connections-per-address = 20");
    let (_host, client) = misbehave(&settings, "").await;
    let begun = Instant::now();
    let mut half_sent = Vec::new();
    for _ in 0..3 {
        for _ in 0..20 {
            let mut wire = Wire::open(&client).await;
            wire.write(HALF_A_HEAD).await;
            half_sent.push(wire);
        }
        is_served(&client).await;
    }
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_its_share_of_the_places() {
    let settings = format!("{PATIENT}, max-connections = 8, max-connections-per-address = 4");
    let (_host, client) = misbehave(&settings, "limits = { timeout = '10m' }").await;
    let greedy: IpAddr = "127.0.0.2".parse().unwrap();
    let mut taken = Vec::new();
    for _ in 0..8 {
        let mut stream = from(greedy, client.address).await;
        stream.write_all(b"POST /hello HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf").await.unwrap();
        taken.push(stream);
    }
    // A request on each of its places: what is more is refused.
    let mut refused = 0;
    for stream in &mut taken[4..] {
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut [0; 16])).await.expect("it is closed");
        refused += usize::from(matches!(read, Ok(0) | Err(_)));
    }
    assert_eq!(refused, 4);
    is_served(&client).await;
}

/// Requests without end, of which nobody reads the answers.
async fn pipeline(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let requests = "GET /body?parts=64 HTTP/1.1\r\nhost: x\r\n\r\n".repeat(64);
    while stream.write_all(requests.as_bytes()).await.is_ok() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_and_does_not_read_is_cut_off() {
    let (_host, client) = misbehave(", write-timeout = '300ms', header-timeout = '10m'", "").await;
    tokio::time::timeout(PATIENCE, pipeline(client.address)).await.expect("it is cut off");
    is_served(&client).await;
}

/// A byte now and then keeps no place.
#[tokio::test(flavor = "multi_thread")]
async fn who_reads_next_to_nothing_is_cut_off() {
    let settings = ", write-timeout = '500ms', header-timeout = '10m', max-connections = 1";
    let (_host, client) = misbehave(settings, "limits = { response = '64MiB', timeout = '10m', cpu = '60s' }").await;
    let mut slow = TcpStream::connect(client.address).await.unwrap();
    slow.write_all(b"GET /body?parts=8000 HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    slow.read_u8().await.unwrap();
    let reading = tokio::spawn(async move {
        let mut pause = tokio::time::interval(Duration::from_millis(20));
        while slow.read_u8().await.is_ok() {
            pause.tick().await;
        }
    });
    tokio::time::timeout(PATIENCE, is_served(&client)).await.expect("its place is given back");
    reading.abort();
}

async fn h2(address: SocketAddr) -> (h2::client::SendRequest<bytes::Bytes>, tokio::task::JoinHandle<()>) {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(16 << 10).initial_connection_window_size(1 << 20);
    let (sender, connection) = builder.handshake(stream).await.unwrap();
    let connection = tokio::spawn(async move { drop(connection.await) });
    (sender.ready().await.unwrap(), connection)
}

fn get(address: SocketAddr, path: &str) -> Request<()> {
    Request::get(format!("http://{address}{path}")).body(()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn by_http_2_answering_pings_is_no_use_of_a_connection() {
    let (_host, client) = misbehave(", header-timeout = '300ms', write-timeout = '300ms'", "").await;
    let (mut sender, connection) = h2(client.address).await;
    let (response, _) = sender.send_request(get(client.address, "/hello"), true).unwrap();
    assert_eq!(response.await.unwrap().status(), 200);
    tokio::time::timeout(PATIENCE, connection).await.expect("it is closed").unwrap();
    drop(sender);
}

/// It asks for much, and gives the host no room to send it.
#[tokio::test(flavor = "multi_thread")]
async fn by_http_2_a_stream_that_nobody_reads_is_reset_alone() {
    let (_host, client) = misbehave(", write-timeout = '300ms'", "limits = { timeout = '10m' }").await;
    let (mut sender, _connection) = h2(client.address).await;
    let (response, _) = sender.send_request(get(client.address, "/body?parts=64"), true).unwrap();
    let mut body = response.await.unwrap().into_body();
    let until_reset = async {
        // What has come is taken, and no room made for more.
        loop {
            match body.data().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return error,
                None => panic!("the body has no end"),
            }
        }
    };
    let error = tokio::time::timeout(PATIENCE, until_reset).await.expect("it is reset");
    assert!(error.is_reset(), "{error}");
    let (response, _) = sender.send_request(get(client.address, "/hello"), true).unwrap();
    assert_eq!(response.await.unwrap().status(), 200);
}

/// A component that takes its time is not the client's fault.
#[tokio::test(flavor = "multi_thread")]
async fn by_http_2_a_stream_whose_answer_takes_long_stays() {
    let (_host, client) = misbehave(", write-timeout = '100ms', header-timeout = '100ms'", "").await;
    let client = Client::h2c(client.address);
    assert_eq!(client.get("/sleep?ms=1500").await.expect(200), "slept");
    assert_eq!(client.get("/body?parts=64&pause=1500").await.expect(200).len(), 64 * 4096);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_http_2_the_streams_of_a_connection_are_bounded() {
    let (_host, client) = misbehave(", max-streams = 3", "").await;
    let (mut sender, _connection) = h2(client.address).await;
    let (response, _) = sender.send_request(get(client.address, "/hello"), true).unwrap();
    response.await.unwrap();
    assert_eq!(sender.current_max_send_streams(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_http_2_the_bodies_of_a_connection_are_bounded_together() {
    const PART: usize = 60 << 10;
    let (_host, client) = misbehave(", max-body = '64KiB', body-timeout = '10m'", "").await;
    let (mut sender, connection) = h2(client.address).await;
    let mut uploads = Vec::new();
    for _ in 0..8 {
        let request = Request::post(format!("http://{}/hello", client.address)).body(()).unwrap();
        let (response, mut body) = sender.send_request(request, false).unwrap();
        body.send_data(vec![b'x'; PART].into(), false).unwrap();
        uploads.push((response, body));
        sender = sender.ready().await.unwrap();
    }
    let (responses, bodies): (Vec<_>, Vec<_>) = uploads.into_iter().unzip();
    let (first, _, rest) =
        tokio::time::timeout(PATIENCE, futures_util::future::select_all(responses)).await.expect("no room");
    assert_eq!(first.unwrap().status(), 503);
    is_served(&client).await;
    drop((rest, bodies, sender));
    connection.abort();
    let (mut sender, _connection) = h2(client.address).await;
    let request = Request::post(format!("http://{}/hello", client.address)).body(()).unwrap();
    let (response, mut body) = sender.send_request(request, false).unwrap();
    body.send_data(vec![b'x'; PART].into(), true).unwrap();
    assert_eq!(response.await.unwrap().status(), 405, "as the component answers");
}

/// Whoever runs the host must reach it, most of all then.
#[tokio::test(flavor = "multi_thread")]
async fn the_admin_port_answers_when_descriptors_are_used_up() {
    let settings = ", body-timeout = '10m', max-connections-per-address = 1000";
    let manifest = ManifestFile::new(&format!("{}\n{ADMIN}", manifest(settings, "")));
    let mut host = Process::run(&manifest);
    let (client, admin) = (host.client("guest").await, host.client("the admin port").await);
    host.ready().await;
    is_served(&client).await;
    host.limit_open_files(Footprint::of(&host).descriptors as u64 + 4);
    let mut taken = Vec::new();
    for _ in 0..16 {
        let mut wire = Wire::open(&client).await;
        wire.write("POST /hello HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf").await;
        taken.push(wire);
    }
    host.line("there are no more", |line| line["message"] == "accept failed").await;
    for _ in 0..4 {
        Client::new(admin.address).get("/healthz").await.expect(200);
    }
    drop(taken);
    is_served(&client).await;
}
