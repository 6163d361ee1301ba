//! Long calls of the host.

use std::time::{Duration, Instant};

use crate::support::misbehave::misbehave;

/// Far below what Wasmtime's own function takes for as much, byte by byte, in a build without optimisation.
const SOON: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn many_random_bytes_come_soon_and_too_many_end_the_invocation() {
    let (host, client) = misbehave("", "limits = { timeout = '60s', cpu = '30s', memory = '128MiB' }").await;
    let begun = Instant::now();
    assert_eq!(client.get("/random?mib=16").await.expect(200), format!("{} true", 16 << 20));
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    client.get("/random?mib=17").await.problem(500);
    assert_eq!(client.get("/random?mib=0").await.expect(200), "0 false");
    assert_eq!(client.get("/hello").await.expect(200), "hello");
    host.stop().await;
}
