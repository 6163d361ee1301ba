//! What an old version has begun comes to its end, or is cut at the deadline.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::Slot;
use super::versions::Mark;
use crate::support::client::Reply;

/// A request that the old version, which is slow, has in hand while the new one goes live.
async fn in_flight_across_a_swap(swap: &str) -> Reply {
    // Both have been live once, so both are compiled.
    let slot = Slot::start(Mark::good(2), swap).await;
    slot.upload(Mark(1, "slow").component()).await.expect(200);
    let client = slot.client();
    let request: JoinHandle<Reply> = tokio::spawn(async move { client.get("/").await });
    // It sleeps for a second, and there is no other sign of it.
    tokio::time::sleep(Duration::from_millis(300)).await;
    slot.upload(Mark::good(2).component()).await.expect(200);
    assert_eq!(slot.answer().await, "0002");
    let reply = request.await.unwrap();
    slot.host.stop().await;
    reply
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_version_answers_what_it_has_begun() {
    assert_eq!(in_flight_across_a_swap("").await.expect(200), "0001");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_drain_deadline_the_rest_is_cut() {
    in_flight_across_a_swap("swap = { drain = '1ms' }").await.problem(503);
}
