//! Requests to other servers, as many as a component can make.

use serde_json::json;

use crate::support::echo;
use crate::support::probe::Probe;
use crate::support::wait::until;

const COUNT: usize = 3_000;

/// What became of a storm of which so many may be under way, twice: the places of the first are back.
async fn storm_of(limits: &str, allowed: usize) {
    let server = echo::start().await;
    let grants = format!("grants.http = [{{ origin = 'http://{server}', private = true }}]\n{limits}");
    let probe = Probe::start(&grants).await;
    let failures = COUNT - allowed;
    let storm = json!({ "authority": server.to_string(), "path": "/never", "count": COUNT, "failures": failures });
    let expected = json!({ "failed": failures, "how": ["ErrorCode::ConnectionLimitReached"] });
    assert_eq!(probe.calls().post("/storm", &storm).await.json(), expected);
    // The answer may come before the last of what the invocation held is given back.
    let again = async || (probe.calls().post("/storm", &storm).await.json() == expected).then_some(());
    until("as many are under way again", again).await;
    let request = json!({ "url": format!("http://{server}/") });
    until("there is a place", async || (probe.calls().http(request.clone()).await["status"] == 200).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_has_few_requests_under_way() {
    storm_of("limits = { cpu = '10s', timeout = '60s', handles = 4000 }", 16).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_has_a_bound_for_all_its_invocations() {
    storm_of("limits = { cpu = '10s', timeout = '60s', handles = 4000, requests = 50, service-requests = 20 }", 20)
        .await;
}

/// In a body it cannot be told from what a server has to say.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_repeats_a_credential_in_its_head_does_not_show_it() {
    let server = echo::start().await;
    let headers = "{ authorization = 'Bearer of-the-host' }";
    let grants = format!("grants.http = [{{ origin = 'http://{server}', private = true, headers = {headers} }}]");
    let probe = Probe::start(&grants).await;
    let answer = probe.calls().http(json!({ "url": format!("http://{server}/repeat") })).await;
    let headers = answer["headers"].as_array().unwrap();
    assert!(headers.contains(&json!(["x-authorization", "(hidden)"])), "{answer}");
}
