//! A server of HTTP/1.1 and HTTP/2 on one listener, with TLS or without: accept, bound, serve, drain.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use componentd_tls as tls;
use futures_util::TryFutureExt;
use futures_util::future::Either;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, Version};
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use socket2::{SockFilter, SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::authority;
use super::bodies::Room;
use super::bounds::Bounds;
use super::connections::{Connections, Place};
use super::problem::{Body, problem};
use super::pulse::Watched;
use super::spare::Spare;
use super::stream::{Encrypted, Stream};
use super::streams::Streams;
use crate::request_id::{REQUEST_ID, request_id};

/// How long a connection may be silent in both directions before the other side is asked whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// The pause after a failed `accept`. Its usual cause is that files run out (EMFILE), and others close some in that time.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// How long a connection that is open, and silent, is kept when the server stops: a request may be on its way.
const LAST_REQUEST: Duration = Duration::from_millis(500);

/// What of one answer by HTTP/2 may stand in the host before its client has room for it.
const MAX_SEND_BUFFER: usize = 64 << 10;

/// The pauses between two tries for a port that another service is about to close.
const WAIT_FOR_PORT: Duration = Duration::from_millis(20);

/// What a client takes at the most to open a connection that it has begun to open.
const HANDSHAKE: Duration = Duration::from_millis(100);

/// As Linux has them on all of its architectures.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

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
pub async fn serve<F, A>(listening: Listening, bounds: Bounds, stop: CancellationToken, answer: F)
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    let Listening { listener, tls } = listening;
    let server = Server::new(bounds, tls, answer);
    tokio::select! {
        biased;
        () = server.run(listener, bounds.drain, stop) => {}
        never = server.connections.watch() => match never {},
        never = renewed(server.tls.as_deref()) => match never {},
    }
}

/// A port that is open, and what encrypts its connections, if anything does.
pub struct Listening {
    /// The port.
    pub listener: Arc<TcpListener>,
    /// Its certificate.
    pub tls: Option<tls::Listener>,
}

async fn renewed(tls: Option<&tls::Listener>) -> Infallible {
    match tls {
        Some(tls) => tls.renew().await,
        None => std::future::pending().await,
    }
}

/// What the connections of a listener share.
#[derive(Clone)]
struct Server<F> {
    http: Builder<Streams>,
    tls: Option<Arc<tls::Listener>>,
    connections: Arc<Connections>,
    max_body: usize,
    /// For the bodies of all requests of HTTP/2.
    bodies: Arc<Semaphore>,
    spare: Arc<Spare>,
    is_stopping: Arc<AtomicBool>,
    answer: F,
}

/// A connection that has no place yet.
type Accepted = (TcpStream, IpAddr);

impl<F, A> Server<F>
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    fn new(bounds: Bounds, tls: Option<tls::Listener>, answer: F) -> Self {
        let (http, connections, max_body) = (server(bounds), Connections::new(bounds), bounds.max_body);
        let bodies = Room::of_listener(max_body, bounds.max_connections);
        let (spare, is_stopping) = (Arc::new(Spare::new(bounds.spare)), Arc::default());
        Self { http, tls: tls.map(Arc::new), connections, max_body, bodies, spare, is_stopping, answer }
    }

    async fn run(&self, listener: Arc<TcpListener>, drain: Duration, stop: CancellationToken) {
        let in_hand = self.accept_until(&listener, stop.cancelled()).await;
        self.is_stopping.store(true, Ordering::Relaxed);
        let ended = async {
            if let Some(in_hand) = in_hand {
                self.serve_at_place(in_hand).await;
            }
            if let Some(listener) = Arc::into_inner(listener) {
                self.accept_rest(listener).await;
            }
            // A moment for requests that are on their way, each of which is answered as the last of its connection.
            let _ = tokio::time::timeout(LAST_REQUEST, self.connections.none_left()).await;
            self.connections.finish();
            self.connections.none_left().await;
        };
        if tokio::time::timeout(HANDSHAKE + LAST_REQUEST + drain, ended).await.is_err() {
            warn!("requests in flight have been cut at the drain deadline");
        }
    }

    /// What was accepted and has no place by then comes back.
    async fn accept_until(&self, listener: &TcpListener, stop: impl Future) -> Option<Accepted> {
        let mut stop = pin!(stop);
        loop {
            let (stream, address) = tokio::select! {
                biased;
                // First: once the port is another server's, whoever comes is its client.
                _ = &mut stop => return None,
                accepted = self.accept(listener) => accepted,
            };
            tokio::select! {
                biased;
                _ = &mut stop => return Some((stream, address)),
                place = self.connections.place(address) => self.serve_unless_refused(place, stream),
            }
        }
    }

    /// An error of `accept` is the connection's, or passes: a server that ended here would be ended by its clients.
    async fn accept(&self, listener: &TcpListener) -> Accepted {
        loop {
            let error = match listener.accept().await {
                Ok((stream, address)) => return (stream, address.ip()),
                Err(error) => error,
            };
            if is_out_of_descriptors(&error) && self.spare.give() {
                continue;
            }
            warn!(%error, "accept failed");
            // One that only waits for a request may be what is lacking.
            self.connections.shed();
            tokio::time::sleep(ACCEPT_BACKOFF).await;
        }
    }

    async fn serve_at_place(&self, (stream, address): Accepted) {
        self.serve_unless_refused(self.connections.place(address).await, stream);
    }

    fn serve_unless_refused(&self, place: Option<Place>, stream: TcpStream) {
        match place {
            Some(place) => self.serve(place, stream),
            None => debug!("a connection was refused: its address has as many as it may (max-connections-per-address)"),
        }
    }

    /// Serves the connections that clients have opened, though the host has not accepted them yet, and closes the port.
    async fn accept_rest(&self, listener: TcpListener) {
        if let Err(error) = ignore_new(&listener) {
            debug!(%error, "connections may be opened until the port is closed");
        }
        if let Some(in_hand) = self.accept_until(&listener, tokio::time::sleep(HANDSHAKE)).await {
            self.serve_at_place(in_hand).await;
        }
        // The queue itself says when it is empty, and not what the runtime has heard of it.
        let Ok(listener) = listener.into_std() else { return };
        loop {
            match listener.accept().and_then(|(stream, address)| Ok((from_std(stream)?, address.ip()))) {
                Ok(accepted) => self.serve_at_place(accepted).await,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted) => {
                }
                // Short of files, say: others end, and the deadline of the stop bounds this.
                Err(_) => tokio::time::sleep(ACCEPT_BACKOFF).await,
            }
        }
    }

    fn serve(&self, place: Place, stream: TcpStream) {
        // Answers are written whole: waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        // A client that is gone without a word is noticed also by a response that waits, as that of a log that is followed.
        let _ = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE));
        let stream = Watched::new(stream, place.pulse.clone());
        match self.tls.clone() {
            None => drop(tokio::spawn(self.serve_stream(place, Stream::Plain(stream)))),
            Some(tls) => drop(tokio::spawn(self.clone().serve_encrypted(place, stream, tls))),
        }
    }

    /// A handshake is what an idle connection does: it has the time of a head, and gives its place as one that waits for it.
    async fn serve_encrypted(self, place: Place, stream: Watched<TcpStream>, tls: Arc<tls::Listener>) {
        match place.pulse.unless_told(tls.accept(stream)).await {
            Some(Ok(stream)) => return self.serve_stream(place, Stream::Encrypted(Box::new(stream))).await,
            Some(Err(error)) => debug!(%error, "no TLS with a client"),
            None => debug!("a connection was closed before its client had agreed on TLS"),
        }
        self.spare.refill();
    }

    fn serve_stream(&self, place: Place, stream: Stream) -> impl Future<Output = ()> + Send + use<F, A> {
        let (answer, is_stopping) = (self.answer.clone(), self.is_stopping.clone());
        let (pulse, room) = (place.pulse.clone(), Room::new(self.max_body, self.bodies.clone()));
        let is_encrypted = matches!(stream, Stream::Encrypted(_));
        let answer = move |mut request: Request<Incoming>| {
            let (version, is_stopping, busy) = (request.version(), is_stopping.clone(), pulse.begin());
            if is_encrypted {
                request.extensions_mut().insert(Encrypted);
            }
            // By HTTP/1 there is one at a time.
            if version == Version::HTTP_2 && !request.body().is_end_stream() {
                request.extensions_mut().insert(room.clone());
            }
            checked(&answer, request).map_ok(move |response| {
                let response = response.map(|body| body.keeping(busy));
                if is_stopping.load(Ordering::Relaxed) { last(response, version) } else { response }
            })
        };
        let connection = self.http.serve_connection(TokioIo::new(stream), service_fn(answer)).into_owned();
        let spare = self.spare.clone();
        async move {
            let ended = place.pulse.serve(connection).await;
            // Its own descriptor is free now, before anybody else wants it.
            spare.refill();
            if let Err(error) = ended {
                debug!(%error, "connection ended");
            }
        }
    }
}

/// Of the process, or of the machine: EMFILE and ENFILE.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(EMFILE | ENFILE))
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

/// Answers itself where a request does not say whom it is for, or where it ends; what else the connection brings is not to be
/// trusted then.
fn checked<F, A>(answer: &F, request: Request<Incoming>) -> Either<A, Ready<A::Output>>
where
    F: Fn(Request<Incoming>) -> A,
    A: Future<Output = Result<Response<Body>, Infallible>>,
{
    match authority::check(&request) {
        Ok(()) => Either::Left(answer(request)),
        Err((status, detail)) => {
            let (mut response, id) = (problem(status, detail), request_id(request.headers()));
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

fn server(bounds: Bounds) -> Builder<Streams> {
    let mut server = Builder::new(Streams { write_timeout: bounds.write_timeout });
    // `Connections` ends what waits for a head: one clock for all, where hyper would set a timer for each request.
    server.http1().header_read_timeout(None);
    let mut http2 = server.http2();
    http2.timer(TokioTimer::new()).keep_alive_interval(bounds.header_timeout);
    http2.max_concurrent_streams(bounds.max_streams).max_send_buf_size(MAX_SEND_BUFFER);
    server
}
