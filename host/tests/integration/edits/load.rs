//! Clients of ports that ask all the time, and keep what they were answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::support::wait::until;

/// A client asks no more often than this: all of them together leave the machine time for the host.
const PACE: Duration = Duration::from_millis(4);

const REQUEST: &str = "GET /env HTTP/1.1\r\nhost: x\r\n\r\n";

/// What a port has answered, and how often: the body of a 200, or what went wrong.
pub type Answers = BTreeMap<String, usize>;

/// One client of each port that opens a connection for each request, and one that keeps it as long as it may.
pub struct Load {
    asked: Asked,
    _clients: JoinSet<()>,
}

#[derive(Clone, Default)]
struct Asked(Arc<Mutex<BTreeMap<u16, Port>>>);

#[derive(Default)]
struct Port {
    /// Since the last look.
    answers: Answers,
    /// How many requests of either client have come to their end.
    ended: [usize; 2],
}

impl Load {
    pub fn start(ports: impl IntoIterator<Item = u16>) -> Self {
        let (asked, mut clients) = (Asked::default(), JoinSet::new());
        for port in ports {
            for keeps in [false, true] {
                clients.spawn(ask_again_and_again(port, keeps, asked.clone()));
            }
        }
        Self { asked, _clients: clients }
    }

    /// What was answered since the last time, by port.
    pub fn take(&self) -> BTreeMap<u16, Answers> {
        let mut ports = self.asked.0.lock().unwrap();
        ports.iter_mut().map(|(number, port)| (*number, std::mem::take(&mut port.answers))).collect()
    }

    /// Waits until whatever the clients of a port ask now is answered, and what they ask then as well.
    pub async fn goes_on(&self, port: u16) {
        let before = self.ended(port);
        until("the clients go on", async || {
            let now = self.ended(port);
            (now[0] >= before[0] + 2 && now[1] >= before[1] + 2).then_some(())
        })
        .await;
    }

    fn ended(&self, port: u16) -> [usize; 2] {
        self.asked.0.lock().unwrap().get(&port).map_or([0, 0], |port| port.ended)
    }
}

impl Asked {
    fn note(&self, port: u16, keeps: bool, answer: String) {
        let mut ports = self.0.lock().unwrap();
        let port = ports.entry(port).or_default();
        *port.answers.entry(answer).or_default() += 1;
        port.ended[usize::from(keeps)] += 1;
    }
}

async fn ask_again_and_again(port: u16, keeps: bool, asked: Asked) {
    let (mut kept, mut pace) = (None, tokio::time::interval(PACE));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        let (answer, connection) = match ask(port, kept.take()).await {
            Ok((body, connection)) => (body, connection),
            Err(error) => (error, None),
        };
        kept = connection.filter(|_| keeps);
        asked.note(port, keeps, answer);
    }
}

/// The body of the answer, and the connection if it may be used again.
async fn ask(port: u16, kept: Option<TcpStream>) -> Result<(String, Option<TcpStream>), String> {
    let mut stream = match kept {
        Some(stream) => stream,
        None => TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| format!("connect: {error}"))?,
    };
    stream.write_all(REQUEST.as_bytes()).await.map_err(|error| format!("write: {error}"))?;
    let mut answer = Vec::new();
    loop {
        let read = stream.read_buf(&mut answer).await.map_err(|error| format!("read: {error}"))?;
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = whole(&text) {
            let may_go_on = !head.contains("connection: close");
            let answer = if head.starts_with("HTTP/1.1 200 ") { body.to_owned() } else { text.into_owned() };
            return Ok((answer, may_go_on.then_some(stream)));
        }
        if read == 0 {
            return Err(format!("cut after {text:?}"));
        }
    }
}

/// Head and body, once all of it is there.
fn whole(text: &str) -> Option<(&str, &str)> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
    (body.len() >= length).then_some((head, body))
}
