//! One attempt to get a connection for a request: how long it may take, and what it is at.
//!
//! A pool of connections serves all requests, each of which has a limit of its own. So the limit is with the task that asks
//! for the connection, where the connector finds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wasmtime_wasi_http::Error;

/// How long to wait for a connection where the component sets no limit of its own.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

tokio::task_local! {
    static CURRENT: Attempt;
}

#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) limit: Duration,
    resolving: Arc<AtomicBool>,
}

impl Attempt {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self { limit: limit.unwrap_or(CONNECT_TIMEOUT), resolving: Arc::default() }
    }

    /// The one that the running task is at.
    pub(super) fn current() -> Self {
        CURRENT.try_with(Self::clone).unwrap_or_else(|_| Self::new(None))
    }

    pub(super) async fn scope<F: Future>(&self, connecting: F) -> F::Output {
        CURRENT.scope(self.clone(), connecting).await
    }

    pub(super) fn is_resolving(&self, resolving: bool) {
        self.resolving.store(resolving, Ordering::Relaxed);
    }

    /// What has taken too long.
    pub(super) fn timed_out(&self) -> Error {
        if self.resolving.load(Ordering::Relaxed) { Error::DnsTimeout } else { Error::ConnectionTimeout }
    }
}
