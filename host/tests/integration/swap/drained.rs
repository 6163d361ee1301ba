//! What an old version has begun comes to its end, or is cut at the deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Slot;
use super::versions::Mark;
use crate::support::client::{Client, Reply};
use crate::support::wait::until;

/// A request that the old version, which is slow, has in hand while the new one goes live.
async fn in_flight_across_a_swap(swap: &str) -> Reply {
    // With one place, and none to wait in, a version that is at work turns others away.
    let limits = "limits = { concurrency = 1, queue = 0, timeout = '60s' }";
    let slot = Slot::start(Mark::good(2), &format!("{swap}\n{limits}")).await;
    loop {
        slot.upload(Mark(1, "slow").component()).await.expect(200);
        let is_in = Arc::new(AtomicBool::new(false));
        let request = tokio::spawn(ask(slot.client(), is_in.clone()));
        until("it is at work", async || {
            let is_busy = slot.client().get("/nowhere").await.status == 503;
            is_in.store(is_busy, Ordering::Relaxed);
            (is_busy || request.is_finished()).then_some(())
        })
        .await;
        slot.upload(Mark::good(2).component()).await.expect(200);
        // It answers after a second, which a busy machine may take for the swap: then once more.
        let is_too_early = request.is_finished();
        let reply = request.await.unwrap();
        if !(is_too_early && reply.status == 200) {
            assert_eq!(slot.answer().await, "0002");
            slot.host.stop().await;
            return reply;
        }
    }
}

/// Tries again where whoever looks whether it is at work has the place.
async fn ask(client: Client, is_in: Arc<AtomicBool>) -> Reply {
    loop {
        let reply = client.get("/").await;
        if reply.status != 503 || is_in.load(Ordering::Relaxed) {
            return reply;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_version_answers_what_it_has_begun() {
    assert_eq!(in_flight_across_a_swap("").await.expect(200), "0001");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_drain_deadline_the_rest_is_cut() {
    in_flight_across_a_swap("swap = { drain = '1ms' }").await.problem(503);
}
