//! An HTTP/1.1 and h2c server on one listener: accept, bound, serve, drain.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::Either;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use socket2::{SockFilter, SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::authority;
use super::problem::{Body, problem};
use super::prompt::Prompt;
use crate::request_id::{REQUEST_ID, request_id};

/// How long a connection may be silent in both directions before the other side is asked whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// The pause after a failed `accept`. Its usual cause is that files run out (EMFILE), and others close some in that time.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// How long a connection that is open, and silent, is kept when the server stops: a request may be on its way.
const LAST_REQUEST: Duration = Duration::from_millis(500);

/// The pauses between two tries for a port that another service is about to close.
const WAIT_FOR_PORT: Duration = Duration::from_millis(20);

/// What a client takes at the most to open a connection that it has begun to open.
const HANDSHAKE: Duration = Duration::from_millis(100);

/// Bounds of a listener.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// For the head of a request, from the start of the connection or the end of the request before.
    pub header_timeout: Duration,
    /// Connections at the same time.
    pub max_connections: usize,
    /// How long requests in flight may take when the server stops; the rest is cut.
    pub drain: Duration,
}

/// Binds a listener.
///
/// # Errors
/// The address is taken, or not ours to take.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Binds a listener. While `is_closing`, the port is one that this process itself gives up, and is waited for.
pub async fn bind_when_closed(address: SocketAddr, is_closing: impl Fn() -> bool) -> io::Result<TcpListener> {
    loop {
        let is_closing = is_closing();
        match bind(address).await {
            Err(taken) if is_closing && taken.kind() == io::ErrorKind::AddrInUse => {
                tokio::time::sleep(WAIT_FOR_PORT).await;
            }
            bound => return bound,
        }
    }
}

/// Answers requests with `answer` until `stop`, and then those in flight, and those of connections that are open already:
/// what a client has sent by then gets its answer. Where somebody else holds the listener as well, the port changes hands,
/// and new connections are theirs.
pub async fn serve<F, A>(listener: Arc<TcpListener>, bounds: Bounds, stop: CancellationToken, answer: F)
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    let (server, connections) = (Server::new(bounds, answer), GracefulShutdown::new());
    server.accept_until(&listener, &connections, stop.cancelled()).await;
    server.is_stopping.store(true, Ordering::Relaxed);
    let rest = async {
        let Some(listener) = Arc::into_inner(listener) else { return };
        let late = GracefulShutdown::new();
        server.accept_rest(listener, &late).await;
        end(late).await;
    };
    let ended = async { tokio::join!(end(connections), rest) };
    if tokio::time::timeout(HANDSHAKE + LAST_REQUEST + bounds.drain, ended).await.is_err() {
        warn!("requests in flight have been cut at the drain deadline");
    }
}

/// Waits a moment for requests that are on their way, each of which is answered as the last of its connection, and then for
/// those in flight.
async fn end(connections: GracefulShutdown) {
    let none_left = async {
        while connections.count() > 0 {
            tokio::time::sleep(LAST_REQUEST / 20).await;
        }
    };
    let _ = tokio::time::timeout(LAST_REQUEST, none_left).await;
    connections.shutdown().await;
}

/// What the connections of a listener share.
struct Server<F> {
    http: Builder<TokioExecutor>,
    header_timeout: Duration,
    places: Arc<Semaphore>,
    is_stopping: Arc<AtomicBool>,
    answer: F,
}

impl<F, A> Server<F>
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    fn new(bounds: Bounds, answer: F) -> Self {
        let places = Arc::new(Semaphore::new(bounds.max_connections));
        let (http, header_timeout, is_stopping) = (server(bounds), bounds.header_timeout, Arc::default());
        Self { http, header_timeout, places, is_stopping, answer }
    }

    async fn accept_until(&self, listener: &TcpListener, connections: &GracefulShutdown, stop: impl Future) {
        let mut stop = pin!(stop);
        loop {
            let (place, stream) = tokio::select! {
                biased;
                // First: once the port is another server's, whoever comes is its client.
                _ = &mut stop => return,
                accepted = async { (self.place().await, accept(listener).await) } => accepted,
            };
            self.serve(place, stream, connections);
        }
    }

    /// Serves the connections that clients have opened, though the host has not accepted them yet, and closes the port.
    async fn accept_rest(&self, listener: TcpListener, late: &GracefulShutdown) {
        if let Err(error) = ignore_new(&listener) {
            debug!(%error, "connections may be opened until the port is closed");
        }
        self.accept_until(&listener, late, tokio::time::sleep(HANDSHAKE)).await;
        // The queue itself says when it is empty, and not what the runtime has heard of it.
        let Ok(listener) = listener.into_std() else { return };
        loop {
            let place = self.place().await;
            match listener.accept().and_then(|(stream, _)| from_std(stream)) {
                Ok(stream) => self.serve(place, stream, late),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted) => {
                }
                // Short of files, say: others end, and the deadline of the stop bounds this.
                Err(_) => tokio::time::sleep(ACCEPT_BACKOFF).await,
            }
        }
    }

    async fn place(&self) -> OwnedSemaphorePermit {
        self.places.clone().acquire_owned().await.expect("this semaphore is never closed")
    }

    fn serve(&self, place: OwnedSemaphorePermit, stream: TcpStream, connections: &GracefulShutdown) {
        let (answer, is_stopping) = (self.answer.clone(), self.is_stopping.clone());
        let answer = move |request: Request<Incoming>| {
            let (version, is_stopping) = (request.version(), is_stopping.clone());
            let answered = checked(&answer, request);
            async move {
                let response = answered.await?;
                Ok::<_, Infallible>(if is_stopping.load(Ordering::Relaxed) {
                    last(response, version)
                } else {
                    response
                })
            }
        };
        // Answers are written whole: waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        // A client that is gone without a word is noticed also by a response that waits, as that of a log that is followed.
        let _ = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE));
        let stream = TokioIo::new(Prompt::new(stream, self.header_timeout));
        let connection = self.http.serve_connection(stream, service_fn(answer)).into_owned();
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                debug!(%error, "connection ended");
            }
        });
    }
}

fn from_std(stream: std::net::TcpStream) -> io::Result<TcpStream> {
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}

/// Keeps new clients out, and no one else: the kernel drops packets that would open a connection. Their clients send them
/// once more after a second, and find the port closed, or the next process. Without it, whoever comes between the last
/// `accept` and the close would be let in by the kernel and then cut.
fn ignore_new(listener: &TcpListener) -> io::Result<()> {
    /// Where the flags are in the head of TCP, and which of them opens a connection: RFC 9293 section 3.1.
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    /// Operations of the kernel's packet filter, `linux/filter.h`.
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_SET: u16 = 0x45;
    const RETURN: u16 = 0x06;
    SockRef::from(listener).attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(JUMP_IF_SET, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

/// Answers itself where a request does not say whom it is for, or where it ends; what else the connection brings is not to be trusted then.
fn checked<F, A>(answer: &F, request: Request<Incoming>) -> Either<A, Ready<A::Output>>
where
    F: Fn(Request<Incoming>) -> A,
    A: Future<Output = Result<Response<Body>, Infallible>>,
{
    match authority::check(&request) {
        Ok(()) => Either::Left(answer(request)),
        Err((status, detail)) => {
            let (mut response, id) = (problem(status, detail), request_id(&request));
            let (method, path) = (request.method(), request.uri().path());
            let (status, request_id) = (status.as_u16(), id.to_str().unwrap_or_default());
            info!(%method, path, status, request_id, "refused: {detail}");
            response.headers_mut().insert(REQUEST_ID, id);
            Either::Right(ready(Ok(last(response, request.version()))))
        }
    }
}

/// The last response of its connection. HTTP/2 says that in another way.
fn last(mut response: Response<Body>, version: Version) -> Response<Body> {
    if version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn server(bounds: Bounds) -> Builder<TokioExecutor> {
    let mut server = Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(bounds.header_timeout);
    server.http2().timer(TokioTimer::new()).keep_alive_interval(bounds.header_timeout);
    server
}

/// An error of `accept` is the connection's, or passes: a server that ended here would be ended by its clients.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}
