//! Log lines of components: `wasi:logging`, and each line of their stdout and stderr.
//!
//! They are events of the invocation's span, which carries service, version and request id.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use tracing::{Span, debug, error, info, trace, warn};
use wasmtime::component::{HasData, Linker};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use crate::bindings::wasi::logging::logging as wit;
use crate::state::State;

/// A longer line is broken: a guest must not fill the host's memory with one.
const MAX_LINE: usize = 16 * 1024;

/// The span of one invocation.
pub struct View<'a> {
    pub span: &'a Span,
}

/// Ties [`View`] to the linker.
struct Logging;

impl HasData for Logging {
    type Data<'a> = View<'a>;
}

/// Offers the interface to components.
///
/// # Errors
/// It is offered already.
pub fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wit::add_to_linker::<State, Logging>(linker, State::logging)
}

impl wit::Host for View<'_> {
    async fn log(&mut self, level: wit::Level, context: String, message: String) -> wasmtime::Result<()> {
        self.span.in_scope(|| match level {
            wit::Level::Trace => trace!(target: "guest", context, "{message}"),
            wit::Level::Debug => debug!(target: "guest", context, "{message}"),
            wit::Level::Info => info!(target: "guest", context, "{message}"),
            wit::Level::Warn => warn!(target: "guest", context, "{message}"),
            wit::Level::Error | wit::Level::Critical => error!(target: "guest", context, "{message}"),
        });
        Ok(())
    }
}

/// The span of the invocation that an instance is at.
#[derive(Clone, Default)]
pub struct CurrentSpan(Arc<Mutex<Option<Span>>>);

impl CurrentSpan {
    pub fn set(&self, span: Option<Span>) {
        *self.lock() = span;
    }

    fn in_scope(&self, log: impl FnOnce()) {
        let span = self.lock().clone();
        span.unwrap_or_else(Span::none).in_scope(log);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Span>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stdout or stderr of an instance, each line of which becomes a log line.
#[derive(Clone)]
pub struct Lines {
    stream: &'static str,
    span: CurrentSpan,
    unfinished: Vec<u8>,
}

impl Lines {
    pub fn new(stream: &'static str, span: CurrentSpan) -> Self {
        Self { stream, span, unfinished: Vec::new() }
    }

    fn take_in(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte != b'\n' {
                self.unfinished.push(*byte);
            }
            if *byte == b'\n' || self.unfinished.len() == MAX_LINE {
                self.log();
            }
        }
    }

    fn log(&mut self) {
        let line = std::mem::take(&mut self.unfinished);
        let (stream, line) = (self.stream, String::from_utf8_lossy(&line));
        self.span.in_scope(|| info!(target: "guest", stream, "{line}"));
    }
}

/// A last line without a line feed counts too, also when a trap has cut it off.
impl Drop for Lines {
    fn drop(&mut self) {
        if !self.unfinished.is_empty() {
            self.log();
        }
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Self::new(self.stream, self.span.clone()))
    }
}

impl AsyncWrite for Lines {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take_in(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
