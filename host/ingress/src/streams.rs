//! The streams of HTTP/2 connections, each of which ends when its client does not take the answer. What one stream does to its
//! connection, the others must not feel: it is reset alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use hyper::rt::Executor;
use tracing::debug;

tokio::task_local! {
    static TAKEN: Arc<Taken>;
}

/// How much of an answer was taken, part by part.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// None before there is an answer.
    parts: AtomicU64,
    /// The next part is not there yet: nobody but the component is to blame.
    is_awaited: AtomicBool,
}

impl Taken {
    /// That of the stream whose answer is there now. None for HTTP/1, which has no streams.
    pub(crate) fn begin() -> Option<Arc<Self>> {
        let taken = TAKEN.try_with(Arc::clone).ok()?;
        taken.parts.store(1, Ordering::Relaxed);
        Some(taken)
    }

    /// Notes what came of asking for the next part.
    pub(crate) fn note<T>(&self, part: &Poll<T>) {
        self.is_awaited.store(part.is_pending(), Ordering::Relaxed);
        self.parts.fetch_add(1, Ordering::Relaxed);
    }

    /// How many parts its client has asked for, if it is its client's turn.
    fn stands_at(&self) -> Option<u64> {
        let parts = self.parts.load(Ordering::Relaxed);
        (parts > 0 && !self.is_awaited.load(Ordering::Relaxed)).then_some(parts)
    }
}

/// Runs streams, each in a task of its own, within this timeout for the next part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams {
    pub(crate) write_timeout: Duration,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        tokio::spawn(unless_stalled(stream, self.write_timeout));
    }
}

/// What is dropped is reset.
async fn unless_stalled(stream: impl Future<Output = ()>, timeout: Duration) {
    let taken = Arc::<Taken>::default();
    let mut stream = std::pin::pin!(TAKEN.scope(taken.clone(), stream));
    loop {
        let before = taken.stands_at();
        if tokio::time::timeout(timeout, &mut stream).await.is_ok() {
            return;
        }
        if before.is_some() && before == taken.stands_at() {
            debug!("a stream whose client does not read is reset");
            return;
        }
    }
}
