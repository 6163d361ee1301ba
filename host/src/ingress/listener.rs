//! An HTTP/1.1 and h2c server on one listener: accept, bound, serve, drain.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::Either;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::authority;
use super::http::{REQUEST_ID, request_id};
use super::problem::{Body, problem};
use super::prompt::Prompt;

/// The pause after a failed `accept`. Its usual cause is that files run out (EMFILE), and others close some in that time.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

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

/// Answers requests with `answer` until `stop`, and then those in flight.
pub async fn serve<F, A>(listener: TcpListener, bounds: Bounds, stop: CancellationToken, answer: F)
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    let server = server(bounds);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(bounds.max_connections));
    loop {
        let place = places.clone().acquire_owned();
        let (place, stream) = tokio::select! {
            accepted = async { (place.await, accept(&listener).await) } => accepted,
            () = stop.cancelled() => break,
        };
        let stream = TokioIo::new(Prompt::new(stream, bounds.header_timeout));
        let connection = server.serve_connection(stream, service_fn(checked(answer.clone()))).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                debug!(%error, "connection ended");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(bounds.drain, graceful.shutdown()).await.is_err() {
        warn!("requests in flight have been cut at the drain deadline");
    }
}

/// Answers itself where a request does not say whom it is for; what else the connection brings is not to be trusted then.
fn checked<F, A>(answer: F) -> impl Fn(Request<Incoming>) -> Either<A, Ready<A::Output>>
where
    F: Fn(Request<Incoming>) -> A,
    A: Future<Output = Result<Response<Body>, Infallible>>,
{
    move |request| match authority::check(&request) {
        Ok(()) => Either::Left(answer(request)),
        Err(detail) => {
            let mut response = problem(StatusCode::BAD_REQUEST, detail);
            response.headers_mut().insert(REQUEST_ID, request_id(&request));
            if request.version() < Version::HTTP_2 {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Either::Right(ready(Ok(response)))
        }
    }
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
            Ok((stream, _)) => {
                // Answers are written whole: waiting to fill a packet only delays them.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}
