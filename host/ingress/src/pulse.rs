//! What one connection is at, as it shows from outside of it: whether it waits for a request, and whether its client takes what
//! is written.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The state of a connection, written by its own tasks and read by whoever watches over it.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    begun: AtomicU64,
    ended: AtomicU64,
    written: AtomicU64,
    is_stuck: AtomicBool,
    order: AtomicU8,
    waker: AtomicWaker,
}

/// What is asked of a connection.
const FINISH: u8 = 1;
const LEAVE: u8 = 2;

impl Pulse {
    /// Begins a request, which ends with what comes back.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    /// How many requests it has had, if none of them is under way.
    pub(crate) fn waits_after(&self) -> Option<u64> {
        let ended = self.ended.load(Ordering::Acquire);
        (ended == self.begun.load(Ordering::Relaxed)).then_some(ended)
    }

    /// How many bytes were written.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Whether there are bytes to write that its client does not take.
    pub(crate) fn is_stuck(&self) -> bool {
        self.is_stuck.load(Ordering::Relaxed)
    }

    /// Has it close once it has answered what is under way.
    pub(crate) fn finish(&self) {
        self.say(FINISH);
    }

    /// Has it close now.
    pub(crate) fn leave(&self) {
        self.say(LEAVE);
    }

    /// Whether it was told to close now.
    pub(crate) fn leaves(&self) -> bool {
        self.order.load(Ordering::Relaxed) == LEAVE
    }

    /// Whether it was told to close, now or later.
    #[cfg(test)]
    pub(crate) fn finishes(&self) -> bool {
        self.order.load(Ordering::Relaxed) != 0
    }

    fn say(&self, order: u8) {
        if self.order.fetch_max(order, Ordering::Relaxed) < order {
            self.waker.wake();
        }
    }

    /// What comes before the first request, for as long as the connection may stay: none if it may not.
    pub(crate) async fn unless_told<T>(&self, before: impl Future<Output = T>) -> Option<T> {
        let mut before = pin!(before);
        poll_fn(|context| {
            self.waker.register(context.waker());
            if self.order.load(Ordering::Relaxed) != 0 {
                return Poll::Ready(None);
            }
            before.as_mut().poll(context).map(Some)
        })
        .await
    }

    /// Serves a connection until its end, or for as long as it may stay. It is polled by one task only.
    ///
    /// # Errors
    /// Those of the connection.
    pub(crate) async fn serve<C: GracefulConnection>(&self, connection: C) -> Result<(), C::Error> {
        let (mut connection, mut heard) = (pin!(connection), None);
        poll_fn(|context| {
            if heard != Some(self.order.load(Ordering::Relaxed)) {
                // Whoever wakes takes the waker, so each order needs it again, and is read when it is there.
                self.waker.register(context.waker());
                let order = self.order.load(Ordering::Relaxed);
                match order {
                    LEAVE => return Poll::Ready(Ok(())),
                    FINISH => connection.as_mut().graceful_shutdown(),
                    _ => {}
                }
                heard = Some(order);
            }
            connection.as_mut().poll(context)
        })
        .await
    }
}

/// A request under way, from its head to the last part of its answer.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Pulse>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Release);
    }
}

/// A stream that tells what is written to it.
pub(crate) struct Watched<S> {
    stream: S,
    pulse: Arc<Pulse>,
}

impl<S> Watched<S> {
    pub(crate) fn new(stream: S, pulse: Arc<Pulse>) -> Self {
        Self { stream, pulse }
    }

    /// Only this stream writes these.
    fn note(&self, wrote: &Poll<io::Result<usize>>) {
        let Pulse { written, is_stuck, .. } = &*self.pulse;
        if let Poll::Ready(Ok(count)) = wrote {
            written.store(written.load(Ordering::Relaxed) + *count as u64, Ordering::Relaxed);
        }
        is_stuck.store(wrote.is_pending(), Ordering::Relaxed);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(&wrote);
        wrote
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.note(&wrote);
        wrote
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
