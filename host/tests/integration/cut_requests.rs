//! Requests leave nothing behind in the host, however they end: answered, cut anywhere on their way, or given up.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::support::client::Client;
use crate::support::footprint::Footprint;
use crate::support::misbehave::manifest;
use crate::support::process::{ManifestFile, Process};

const WARM_UP: usize = 2_000;
const REQUESTS: usize = 20_000;
const AT_A_TIME: usize = 16;

/// What may be more after all requests than after the warm-up. One descriptor for each request would be 20,000,
/// and 2 KiB for each are 30 MiB and more. The runtime's threads for blocking work come and go.
const SLACK: Footprint = Footprint { threads: 4, descriptors: 8, mappings: 100, resident: 24 };

/// Clients that keep their connections.
#[derive(Clone)]
struct Clients {
    http1: Client,
    http2: Client,
}

impl Clients {
    async fn ask(&self, number: usize) {
        let address = self.http1.address;
        match number % 8 {
            0 | 1 => drop(self.http1.get("/hello").await.expect(200)),
            2 => drop(Client::new(address).get("/hello").await.expect(200)),
            3 => drop(self.http2.get("/hello").await.expect(200)),
            4 => cut(address, number, false).await,
            5 => cut(address, number, true).await,
            6 => give_up(&Client::new(address)).await,
            _ => give_up(&self.http2).await,
        }
    }

    /// So many requests, each kind in turn, some at a time.
    async fn ask_all(&self, count: usize) {
        let mut askers = JoinSet::new();
        for first in 0..AT_A_TIME {
            let clients = self.clone();
            askers.spawn(async move {
                for number in (first..count).step_by(AT_A_TIME) {
                    clients.ask(number / AT_A_TIME + first).await;
                }
            });
        }
        askers.join_all().await;
    }
}

/// Sends some of a request, from nothing to all of it, and hangs up, or resets the connection.
async fn cut(address: SocketAddr, number: usize, reset: bool) {
    let body = "x".repeat(1000);
    let request = format!("POST /trailers HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    // Scattered over all places by a prime number, and the same in each run.
    let place = number * 7919 % (request.len() + 1);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&request.as_bytes()[..place]).await.unwrap();
    if reset {
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// Asks for an answer that takes a while, and does not wait for it: the connection is closed, or the stream reset. On a
/// busy machine the answer may be first.
async fn give_up(client: &Client) {
    let _ = tokio::time::timeout(Duration::from_millis(5), client.get("/sleep?ms=20")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_requests_leave_nothing_behind() {
    let manifest = ManifestFile::new(&manifest("", ""));
    let mut host = Process::run(&manifest);
    host.ready().await;
    let http1 = host.client("guest").await;
    let clients = Clients { http2: Client::h2c(http1.address), http1 };
    clients.ask_all(WARM_UP).await;
    let warm = Footprint::of(&host);
    clients.ask_all(REQUESTS).await;
    warm.until_back(&host, SLACK).await;
}
