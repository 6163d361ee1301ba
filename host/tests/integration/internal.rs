//! `http://<service>.internal/`: services of one host that call each other without a connection.

use serde_json::{Value, json};

use crate::support::host::client;
use crate::support::misbehave::manifest;
use crate::support::probe::Probe;
use crate::support::wait::until;

/// A guest that may call `guest`, which has these further keys.
async fn probe(callee: &str) -> Probe {
    let grants = "grants.http = [{ origin = 'http://guest.internal', headers = { x-team = 'host' } }]";
    Probe::start(&format!("{grants}\n{}", manifest("", callee))).await
}

async fn call(probe: &Probe, path: &str) -> Value {
    probe.calls().http(json!({ "url": format!("http://guest.internal{path}"), "timeout_ms": 5000 })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_calls_another() {
    let probe = probe("").await;
    let answer = call(&probe, "/hello").await;
    assert_eq!((&answer["status"], &answer["body"]), (&json!(200), &json!("hello")), "{answer}");
    assert_eq!(call(&probe, "/nowhere").await["status"], 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_request_id_goes_along() {
    let probe = probe("").await;
    let mut request = client(probe.host(), "probe").request(
        http::Method::POST,
        "/http",
        json!({ "url": "http://guest.internal/echo-id" }).to_string(),
    );
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    request.headers_mut().insert("x-request-id", "of-the-client".parse().unwrap());
    let answer = client(probe.host(), "probe").send(request).await.json();
    assert_eq!(answer["body"], "of-the-client", "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callees_limits_and_failures_are_its_own() {
    let probe = probe("limits = { timeout = '1s', concurrency = 1, queue = 0 }").await;
    assert_eq!(call(&probe, "/trap").await["status"], 500);
    assert_eq!(call(&probe, "/sleep?ms=60000").await["status"], 504);
    let callee = client(probe.host(), "guest");
    // The one who looks may have the place just then.
    let sleeping = tokio::spawn(async move { while callee.get("/sleep?ms=60000").await.status == 503 {} });
    until("its only place is taken", async || (call(&probe, "/hello").await["status"] == 503).then_some(())).await;
    sleeping.await.unwrap();
    assert_eq!(call(&probe, "/hello").await["status"], 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_denied() {
    let probe = probe("").await;
    for url in ["http://probe.internal/", "http://guest.internal:81/", "https://guest.internal/", "http://internal/"] {
        let answer = probe.calls().http(json!({ "url": url })).await;
        assert_eq!(answer["error"]["kind"], "denied", "{url}: {answer}");
    }
}
