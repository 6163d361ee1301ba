//! What a component that misbehaves costs: its own request, and nothing else.

use std::time::{Duration, Instant};

use componentd::Host;

use crate::support::client::Client;
use crate::support::host::{ADMIN, admin, outcomes};
use crate::support::wait::{PATIENCE, until};

/// A host of the guest, with these limits.
async fn misbehave(limits: &str) -> (Host, Client) {
    crate::support::misbehave::misbehave("", &format!("limits = {{ {limits} }}")).await
}

async fn expect_well(client: &Client) {
    assert_eq!(client.get("/hello").await.expect(200), "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_costs_its_own_request_a_500() {
    let (_host, client) = misbehave("").await;
    for path in ["/trap", "/panic", "/deep", "/silent"] {
        let document = client.get(path).await.problem(500);
        assert!(document["detail"].as_str().unwrap().contains("the request id names it in the log"), "{path}");
        expect_well(&client).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn how_an_invocation_ended_is_counted_once_and_as_that() {
    let limits = "limits = { memory = '16MiB', cpu = '100ms', response = '64KiB', timeout = '2s' }";
    let (host, client) = crate::support::misbehave::misbehave("", &format!("{limits}\n{ADMIN}")).await;
    let mut expected = outcomes(&admin(&host), "guest").await;
    for (path, outcome) in [
        ("/hello", "ok"),
        ("/nowhere", "ok"),
        ("/fail", "error"),
        ("/trap", "trap"),
        ("/panic", "trap"),
        ("/deep", "trap"),
        ("/hog", "memory"),
        ("/spin", "cpu"),
        ("/flood", "response"),
        ("/sleep?ms=60000", "timeout"),
        ("/silent", "no-answer"),
        ("/refuse", "no-answer"),
        ("/body?end=drop", "incomplete"),
    ] {
        // Of a response that was begun, the client sees the end before it is counted, or no end at all.
        let _ = client.try_send(client.request(http::Method::GET, path, "")).await;
        let total: u64 = expected.values().sum();
        let counted = until("it is counted", async || {
            Some(outcomes(&admin(&host), "guest").await).filter(|counted| counted.values().sum::<u64>() > total)
        })
        .await;
        *expected.entry(outcome.to_owned()).or_default() += 1;
        assert_eq!(counted, expected, "{path}: {outcome}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_limited() {
    let (_host, client) = misbehave("memory = '16MiB'").await;
    client.get("/hog").await.problem(500);
    expect_well(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processor_time_is_limited() {
    let (_host, client) = misbehave("cpu = '50ms', timeout = '60s'").await;
    let start = Instant::now();
    client.get("/spin").await.problem(500);
    assert!(start.elapsed() < Duration::from_secs(30), "long before the timeout");
    expect_well(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spinning_components_do_not_stop_the_others() {
    // Four of them keep two processors busy for six seconds at the least: time enough for three requests anywhere.
    let (_host, client) = misbehave("cpu = '3s', timeout = '60s'").await;
    let spin = |client: Client| async move { client.get("/spin").await.problem(500) };
    let spinning: Vec<_> = (0..4).map(|_| tokio::spawn(spin(client.clone()))).collect();
    for _ in 0..3 {
        expect_well(&client).await;
    }
    assert!(spinning.iter().any(|request| !request.is_finished()), "the others were answered in the meantime");
    for request in spinning {
        request.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_is_no_processor_time() {
    let (_host, client) = misbehave("cpu = '100ms', timeout = '60s'").await;
    assert_eq!(client.get("/sleep?ms=500").await.expect(200), "slept");
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_is_limited_as_well() {
    let (_host, client) = misbehave("timeout = '200ms'").await;
    let start = Instant::now();
    client.get("/sleep?ms=600000").await.problem(504);
    assert!(start.elapsed() < PATIENCE);
    expect_well(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_cut_at_the_limit() {
    let (_host, client) = misbehave("response = '64KiB', cpu = '60s'").await;
    let error = client.try_send(client.request(http::Method::GET, "/flood", "")).await.unwrap_err();
    assert!(!error.to_string().is_empty(), "the client learns that the answer is not whole");
    expect_well(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_the_queue_full_is_told_to_come_back() {
    let (_host, client) = misbehave("concurrency = 1, queue = 1, timeout = '60s'").await;
    let sleeping: Vec<_> = (0..8).map(|_| tokio::spawn(sleep(client.clone()))).collect();
    let mut statuses = Vec::new();
    for request in sleeping {
        statuses.push(request.await.unwrap());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 2, "one ran, one waited: {statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 503).count(), 6, "{statuses:?}");
    expect_well(&client).await;
}

async fn sleep(client: Client) -> u16 {
    let reply = client.get("/sleep?ms=3000").await;
    if reply.status == 503 {
        reply.problem(503);
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
    reply.status
}
