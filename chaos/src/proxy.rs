//! A TCP proxy that can be told to misbehave: between the host and one backend.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What is read at once.
const BUFFER: usize = 16 << 10;
/// Out of file descriptors, say: they come back.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// What it does with what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// Every connection is closed as soon as it is there, also those that were open.
    Refuse,
    /// Each piece is held back for so long, in both directions.
    Delay(Duration),
    /// Nothing moves, and nothing is closed.
    Stall,
}

/// The mode, and how often connections have been cut.
type Order = (Mode, u64);

/// A running proxy; dropped, it ends with all its connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    orders: watch::Sender<Order>,
    server: JoinHandle<()>,
}

impl Proxy {
    /// Passes connections to a port of loopback, from a free port.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(upstream: u16) -> Result<Self> {
        let port = crate::ports::free()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let (orders, _) = watch::channel((Mode::Pass, 0));
        let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, upstream));
        let server = tokio::spawn(serve(listener, upstream, orders.subscribe()));
        Ok(Self { port, orders, server })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on.
    pub fn set(&self, mode: Mode) {
        self.orders.send_modify(|order| order.0 = mode);
        if mode == Mode::Refuse {
            self.cut();
        }
    }

    /// Closes every connection that is open.
    pub fn cut(&self) {
        self.orders.send_modify(|order| order.1 += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, upstream: SocketAddr, orders: watch::Receiver<Order>) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => drop(tokio::spawn(pass(client, upstream, orders.clone()))),
            Err(_) => tokio::time::sleep(ACCEPT_AGAIN_AFTER).await,
        }
    }
}

/// Until one side ends it, or it is cut; either way both sides see an end.
async fn pass(client: TcpStream, upstream: SocketAddr, mut orders: watch::Receiver<Order>) {
    let (mode, cuts) = *orders.borrow_and_update();
    if mode == Mode::Refuse {
        return;
    }
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    // Without it, small pieces would wait for each other: a delay that nobody asked for.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        _ = pump(from_client, to_server, orders.clone()) => {}
        _ = pump(from_server, to_client, orders.clone()) => {}
        _ = orders.wait_for(|order| order.1 != cuts) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut orders: watch::Receiver<Order>,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        hold_back(&mut orders).await;
        to.write_all(&buffer[..read]).await?;
    }
}

async fn hold_back(orders: &mut watch::Receiver<Order>) {
    let mode = orders.wait_for(|order| order.0 != Mode::Stall).await.map(|order| order.0);
    if let Ok(Mode::Delay(delay)) = mode {
        tokio::time::sleep(delay).await;
    }
}
