//! Stands in for SendGrid: takes mails as its v3 API does, sends none, and shows what it took.
//!
//! | request | answer |
//! | --- | --- |
//! | `POST /v3/mail/send` | as SendGrid: 202, 400, 401, 413; see [`sendgrid`] |
//! | `GET /mailbox` | the mails as a JSON array, the oldest first |
//! | `DELETE /mailbox` | 204, and they are gone |
//! | `POST /mailbox/fail?status=503&times=2` | 204, and the next two mails are answered 503 |
//!
//! It keeps the last [`store::CAPACITY`] mails, in memory: they end with the process.

mod routes;
pub mod sendgrid;
pub mod store;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::error::{Error, Result};
use sendgrid::Mail;
use store::Store;

/// Out of file descriptors, say: they come back.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// A mailbox that answers until it is stopped or dropped.
#[derive(Debug)]
pub struct Mailbox {
    address: SocketAddr,
    store: Arc<Store>,
    server: JoinHandle<()>,
}

impl Mailbox {
    /// Listens on `port` of loopback (0: any free one).
    pub async fn start(port: u16) -> Result<Self> {
        Self::listen((Ipv4Addr::LOCALHOST, port).into()).await
    }

    /// Listens on `address`: for a container, whose neighbours are not on its loopback.
    pub async fn listen(address: SocketAddr) -> Result<Self> {
        let in_use = |source| Error::Port { port: address.port(), source };
        let listener = TcpListener::bind(address).await.map_err(in_use)?;
        let address = listener.local_addr().map_err(in_use)?;
        let store = Arc::new(Store::default());
        let server = tokio::spawn(run(listener, store.clone()));
        Ok(Self { address, store, server })
    }

    /// `http://127.0.0.1:port`, what the host takes for SendGrid.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it took, the oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.store.mails()
    }

    /// Forgets what it took.
    pub fn clear(&self) {
        self.store.clear();
    }

    /// Answers the next `times` mails with `status`.
    pub fn fail(&self, status: http::StatusCode, times: u32) {
        self.store.fail(status, times);
    }

    /// Closes its port and every connection.
    pub async fn stop(mut self) {
        self.server.abort();
        // Aborted, as we asked.
        let _ = (&mut self.server).await;
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn run(listener: TcpListener, store: Arc<Store>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(connections.spawn(serve(stream, store.clone()))),
            Err(_) => tokio::time::sleep(ACCEPT_AGAIN_AFTER).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, store: Arc<Store>) {
    let service = service_fn(|request| routes::answer(request, &store));
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    // A client that goes away is its own affair.
    let _ = connection.await;
}
