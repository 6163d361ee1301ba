//! Clients that ask until nobody listens any more, and note each request that got no answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

const TIMEOUT: Duration = Duration::from_secs(15);
const REQUEST: &str = "GET /products HTTP/1.1\r\nhost: store\r\n\r\n";

/// Whether a connection is for one request or for many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Use {
    Once,
    Again,
}

/// Clients at work.
pub struct Load {
    clients: Vec<JoinHandle<()>>,
    answers: Arc<AtomicUsize>,
    lost: Arc<Mutex<Vec<String>>>,
}

impl Load {
    /// Starts so many of them.
    pub fn start(server: SocketAddr, connections: Use, clients: usize) -> Self {
        let (answers, lost) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let clients = (0..clients).map(|_| {
            let (answers, lost) = (answers.clone(), lost.clone());
            std::thread::spawn(move || ask(server, connections, &answers, &lost))
        });
        Self { clients: clients.collect(), answers, lost }
    }

    /// How many were answered so far.
    pub fn answers(&self) -> usize {
        self.answers.load(Ordering::Relaxed)
    }

    /// Waits until each has found that nobody listens, and says what went wrong before.
    pub fn end(self) -> Vec<String> {
        for client in self.clients {
            // A client that panics has lost a request.
            if client.join().is_err() {
                return vec!["a client panicked".to_owned()];
            }
        }
        self.lost.lock().map(|mut lost| std::mem::take(&mut *lost)).unwrap_or_default()
    }
}

/// Until a connection is refused: the kernel makes it only where the server listens.
fn ask(server: SocketAddr, connections: Use, answers: &AtomicUsize, lost: &Mutex<Vec<String>>) {
    while let Ok(mut stream) = TcpStream::connect_timeout(&server, TIMEOUT) {
        loop {
            match request(&mut stream) {
                Ok(last) => {
                    answers.fetch_add(1, Ordering::Relaxed);
                    if last || connections == Use::Once {
                        break;
                    }
                }
                Err(error) => {
                    if let Ok(mut lost) = lost.lock() {
                        lost.push(format!("{connections:?}: {error:#}"));
                    }
                    break;
                }
            }
        }
    }
}

/// Whether the server closes the connection after its answer, which must be a whole one.
fn request(stream: &mut TcpStream) -> Result<bool> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(REQUEST.as_bytes()).context("the request is refused")?;
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(usize::MAX) || text.ends_with("\r\n0\r\n\r\n") {
                ensure!(head.starts_with("http/1.1 200"), "the answer is {text}");
                return Ok(head.contains("connection: close"));
            }
        }
        let mut part = [0; 4096];
        let count = stream.read(&mut part).context("the connection broke")?;
        if count == 0 {
            bail!("the connection was closed after {} bytes of the answer", answer.len());
        }
        answer.extend_from_slice(&part[..count]);
    }
}
