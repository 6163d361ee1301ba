//! What a component writes to stdout and stderr, as lines of its log.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tracing::{Span, info, warn};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::granted::Granted;
use crate::log_bounds::{Admitted, LogBudget};
use crate::scope::Scope;

/// A longer line is broken: a guest must not fill the host's memory with one.
const MAX_LINE: usize = 16 * 1024;

/// How the message of a Rust panic begins, as in `thread 'main' panicked at src/lib.rs:1:1:`, and how its last line does, which
/// is of no use here.
const THREAD: &str = "thread ";
const PANICKED: &str = "panicked at ";
const NOTE: &str = "note: ";
/// Of the message of a panic.
const MAX_PANIC: usize = 4 * 1024;

/// What an instance writes to stdout and stderr, as lines of the invocation that it is at. Its streams share it.
#[derive(Clone, Default)]
pub struct Output(Arc<Mutex<Begun>>);

/// Whose lines they are, and how much of them there may be.
struct Writer {
    span: Span,
    granted: Arc<Granted>,
    budget: LogBudget,
}

/// The invocation, and lines that have no end yet, by stream.
#[derive(Default)]
struct Begun {
    writer: Option<Writer>,
    lines: BTreeMap<&'static str, Vec<u8>>,
    /// What a panic has said so far. It is a line of its own, with the trap that ends it.
    panic: Option<String>,
}

impl Writer {
    fn new(scope: &Scope) -> Self {
        Self { span: scope.span.clone(), granted: scope.granted().clone(), budget: LogBudget::new(scope.limits()) }
    }
}

impl Output {
    /// Another invocation, or none. What the one before has begun is its own.
    pub fn belongs_to(&self, scope: Option<&Scope>) {
        let mut begun = self.begun();
        begun.log_all();
        begun.writer = scope.map(Writer::new);
    }

    /// Logs what the invocation says by other means than its streams, if it may say so many bytes more.
    pub fn log(&self, bytes: usize, log: impl FnOnce()) {
        self.begun().log_within(bytes, log);
    }

    /// The message of the panic that has ended the invocation: place and text.
    pub fn take_panic(&self) -> Option<String> {
        let mut begun = self.begun();
        begun.log_lines();
        begun.panic.take()
    }

    fn begun(&self) -> MutexGuard<'_, Begun> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Begun {
    fn take_in(&mut self, stream: &'static str, bytes: &[u8]) {
        for byte in bytes {
            let line = self.lines.entry(stream).or_default();
            if *byte != b'\n' {
                line.push(*byte);
            }
            if *byte == b'\n' || line.len() == MAX_LINE {
                let line = std::mem::take(line);
                self.log(stream, &line);
            }
        }
    }

    fn log_all(&mut self) {
        self.log_lines();
        if let Some(panic) = self.panic.take() {
            self.log_within(panic.len(), || warn!(target: "guest", "panicked: {panic}"));
        }
    }

    fn log_lines(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        for (stream, line) in std::mem::take(&mut self.lines) {
            if !line.is_empty() {
                self.log(stream, &line);
            }
        }
    }

    fn log(&mut self, stream: &str, line: &[u8]) {
        // Such as a panic of Rust begins with: for the eye, in a terminal.
        if line.is_empty() {
            return;
        }
        let line = String::from_utf8_lossy(line);
        if stream != "stderr" || !self.is_of_panic(&line) {
            self.log_within(line.len(), || info!(target: "guest", stream, "{line}"));
        }
    }

    /// Takes in the first line of a panic, and all that come after it.
    fn is_of_panic(&mut self, line: &str) -> bool {
        match &mut self.panic {
            None => {
                self.panic = line
                    .starts_with(THREAD)
                    .then(|| line.split_once(PANICKED))
                    .flatten()
                    .map(|(_, place)| place.to_owned())
            }
            Some(_) if line.starts_with(NOTE) => {}
            Some(said) if said.len() + line.len() < MAX_PANIC => {
                // The first line ends with the place and a colon.
                said.push(if said.ends_with(':') { ' ' } else { '\n' });
                said.push_str(line);
            }
            Some(_) => return false,
        }
        self.panic.is_some()
    }

    /// Between two invocations nothing runs that could say anything.
    fn log_within(&mut self, bytes: usize, log: impl FnOnce()) {
        let Some(Writer { span, granted, budget }) = &mut self.writer else { return };
        match budget.admit(&granted.log, bytes) {
            Admitted::Yes => span.in_scope(log),
            Admitted::FirstDropped => span.in_scope(|| {
                warn!("further lines of the component are dropped: they are past limits.log or limits.log-rate")
            }),
            Admitted::Dropped => {}
        }
    }
}

/// A last line without a line feed counts too, also when a trap has cut it off.
impl Drop for Begun {
    fn drop(&mut self) {
        self.log_all();
    }
}

/// Stdout or stderr of an instance.
#[derive(Clone)]
pub struct Lines {
    stream: &'static str,
    output: Output,
}

impl Lines {
    /// The stream of this name, `stdout` or `stderr`, whose lines go to `output`.
    pub fn new(stream: &'static str, output: Output) -> Self {
        Self { stream, output }
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    /// Without a task in between: what an invocation has written is logged before it ends.
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.output.begun().take_in(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_LINE)
    }
}

impl AsyncWrite for Lines {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.output.begun().take_in(self.stream, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
