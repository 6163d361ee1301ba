//! What one invocation leaves for the next, and when an instance is not used again.

use std::time::{Duration, Instant};

use componentd::Host;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::host::{client, start};
use crate::support::misbehave::{manifest, misbehave};
use crate::support::probe::{HTTP_GRANT, Probe};
use crate::support::wait::until;

/// How many requests the instance that answers has answered, this one included.
async fn count(client: &Client) -> u32 {
    client.get("/count").await.expect(200).parse().unwrap()
}

/// A host of the guest that misbehaves. An answer can be there a moment before its instance is free again; with one
/// invocation at a time, the next request waits for that.
async fn one_by_one(service: &str, limits: &str) -> (Host, Client) {
    misbehave("", &format!("{service}\nlimits = {{ concurrency = 1, {limits} }}")).await
}

async fn counts<const N: usize>(client: &Client) -> [u32; N] {
    let mut counts = [0; N];
    for one in &mut counts {
        *one = count(client).await;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_serves_one_request_after_the_other() {
    let (_host, client) = one_by_one("", "").await;
    assert_eq!(counts(&client).await, [1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_isolation_each_request_has_an_instance_of_its_own() {
    let (_host, client) = one_by_one("isolation = 'request'", "").await;
    assert_eq!(counts(&client).await, [1, 1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_so_many_requests_an_instance_is_replaced() {
    let (_host, client) = one_by_one("", "reuse = 2").await;
    assert_eq!(counts(&client).await, [1, 2, 1, 2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_failed_is_not_met_again() {
    let (_host, client) = one_by_one("", "timeout = '500ms', memory = '16MiB'").await;
    for path in ["/trap", "/panic", "/deep", "/hog", "/sleep?ms=60000"] {
        assert_eq!(counts(&client).await, [1, 2]);
        assert!(client.get(path).await.status >= 500, "{path}");
    }
    // The head has been answered when it traps.
    assert_eq!(count(&client).await, 1);
    let half = client.request(http::Method::GET, "/body?parts=64&pause=10&end=keep&then=trap", "");
    assert!(client.try_send(half).await.is_err());
    assert_eq!(count(&client).await, 1);
}

/// It may wait for what never comes, or have lost its way; one that answers by its own loop of events answers no more.
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_did_not_answer_is_not_met_again() {
    let (_host, client) = one_by_one("", "").await;
    for path in ["/silent", "/refuse", "/body?end=drop", "/body?end=keep"] {
        assert_eq!(counts(&client).await, [1, 2]);
        client.get(path).await.problem(500);
    }
    assert_eq!(count(&client).await, 1);
}

/// Half of what it may have is too little for the next one.
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_has_grown_is_not_used_again() {
    let (_host, client) = one_by_one("", "memory = '16MiB'").await;
    assert_eq!(count(&client).await, 1);
    client.get("/grow?mib=9").await.expect(200);
    assert_eq!(count(&client).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_serves_one_request_at_a_time() {
    let (_host, client) = misbehave("", "").await;
    let start = Instant::now();
    let sleeping: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.get("/sleep?ms=1000").await.expect(200).to_owned() })
        })
        .collect();
    for request in sleeping {
        assert_eq!(request.await.unwrap(), "slept");
    }
    assert!(start.elapsed() < Duration::from_secs(8), "they slept at the same time, each in an instance of its own");
}

/// What a client does not wait for is not done, and its instance is not used again.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_ends_the_invocation() {
    let (_host, client) = one_by_one("", "queue = 0, timeout = '10m'").await;
    assert_eq!(count(&client).await, 1);
    let one = client.clone();
    // The one who looks may have the place just then.
    let request = tokio::spawn(async move { while one.get("/sleep?ms=600000").await.status == 503 {} });
    until("it is in the component", async || (client.get("/nowhere").await.status == 503).then_some(())).await;
    request.abort();
    let ended =
        until("it has ended", async || Some(client.get("/count").await).filter(|reply| reply.status != 503)).await;
    assert_eq!(ended.expect(200), "1", "a new instance");
}

/// With one connection, whoever is next needs it.
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_holds_a_transaction_is_not_kept() {
    let probe = Probe::start_alone(HTTP_GRANT).await;
    let forget = json!({ "mode": "leave-transaction" });
    for _ in 0..3 {
        let answer = probe.calls().statement("create table t ()", json!([]), forget.clone()).await;
        assert_eq!(answer, json!({ "changed": 0 }));
    }
    let row = probe.calls().row("select to_regclass('t') is null", json!([])).await;
    assert_eq!(row[0]["value"], Value::Bool(true));
}

/// Two at the same time are all that there may be, whoever's they are; an idle one gives way.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_a_place_says_so() {
    let services = manifest("", "limits = { concurrency = 2 }");
    let other = services.replace("[services.guest]", "[services.other]");
    let host = start(&format!("[host]\ninstances = 2\n{services}\n{other}")).await;
    let (one, other) = (client(&host, "guest"), client(&host, "other"));
    until("one of the two has the place of the other service's idle instance", async || {
        // Each time anew, or that could be one that has been idle for too long.
        let hello = other.get("/hello").await;
        let (first, second) = tokio::join!(one.get("/sleep?ms=200"), one.get("/sleep?ms=200"));
        [hello, first, second].iter().all(|reply| reply.status == 200).then_some(())
    })
    .await;
    let sleeping: Vec<_> = (0..2)
        .map(|_| {
            let one = one.clone();
            // The other service may be at work in the place just then.
            tokio::spawn(async move { while one.get("/sleep?ms=3000").await.status == 503 {} })
        })
        .collect();
    until("the other service has no place", async || {
        let reply = other.get("/hello").await;
        (reply.status == 503).then(|| assert_eq!(reply.header("retry-after"), Some("1")))
    })
    .await;
    for request in sleeping {
        request.await.unwrap();
    }
    until("there is a place again", async || (other.get("/hello").await.status == 200).then_some(())).await;
}
