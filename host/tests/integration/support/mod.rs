//! What the tests share: servers, hosts, clients, and patience.

pub mod browser;
pub mod client;
pub mod echo;
pub mod files;
pub mod footprint;
pub mod host;
pub mod kafka;
pub mod lanes;
pub mod misbehave;
pub mod peer;
pub mod probe;
pub mod process;
pub mod raw_batch;
pub mod servers;
pub mod store;
pub mod tls;
pub mod wait;
pub mod watched;
pub mod wire;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::runtime::{Builder, Runtime};

/// Outlives every test, and so what is started on it does as well.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap());

/// Runs a future on the shared runtime, for tests that are not async themselves.
pub fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

/// Runs on the shared runtime what starts something for all tests: its tasks outlive the test that happens to be first.
pub async fn shared<T, F>(start: impl FnOnce() -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    tokio::task::spawn_blocking(move || block_on(start())).await.unwrap()
}

/// A name that nothing else on the servers has, also where earlier runs left something there: lower-case letters, digits
/// and underscores.
pub fn unique(name: &str) -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    static RUN: LazyLock<String> = LazyLock::new(|| uuid::Uuid::now_v7().simple().to_string());
    format!("{name}_{}_{}", &RUN[..12], COUNTER.fetch_add(1, Ordering::Relaxed))
}
