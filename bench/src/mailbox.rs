//! Takes mails as SendGrid does, and only counts them: it must cost next to nothing, for it runs on the same machine.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

const POLL: Duration = Duration::from_millis(1);
const QUIET_FOR: Duration = Duration::from_secs(60);

/// Counts until it is dropped.
#[derive(Debug)]
pub struct Mailbox {
    pub url: String,
    tally: Arc<Mutex<Tally>>,
    task: tokio::task::JoinHandle<()>,
}

/// What has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub count: usize,
    pub first: Option<Instant>,
    pub last: Option<Instant>,
}

impl Mailbox {
    /// On any free port.
    ///
    /// # Errors
    /// There is none.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (url, tally) = (format!("http://{}", listener.local_addr()?), Arc::default());
        let task = tokio::spawn(serve(listener, Arc::clone(&tally)));
        Ok(Self { url, tally, task })
    }

    /// What has come until now.
    pub fn tally(&self) -> Tally {
        *self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for so many mails.
    ///
    /// # Errors
    /// None has come for a minute.
    pub async fn wait_for(&self, count: usize) -> Result<Tally> {
        let began = Instant::now();
        loop {
            let tally = self.tally();
            if tally.count >= count {
                return Ok(tally);
            }
            if tally.last.unwrap_or(began).elapsed() > QUIET_FOR {
                bail!("only {} of {count} mails have come", tally.count);
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, tally: Arc<Mutex<Tally>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let tally = Arc::clone(&tally);
        let answer = service_fn(move |request| take(request, Arc::clone(&tally)));
        // A connection that breaks is the client's.
        tokio::spawn(async move { http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await.ok() });
    }
}

async fn take(request: Request<Incoming>, tally: Arc<Mutex<Tally>>) -> Result<Response<Full<Bytes>>, Infallible> {
    let whole = request.into_body().collect().await;
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = if whole.is_ok() { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST };
    let (now, mut tally) = (Instant::now(), tally.lock().unwrap_or_else(PoisonError::into_inner));
    tally.count += 1;
    tally.first.get_or_insert(now);
    tally.last = Some(now);
    Ok(answer)
}
