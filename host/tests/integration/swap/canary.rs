//! A canary that keeps each client on one version.

use std::collections::BTreeMap;

use http::Method;

use super::Slot;
use super::versions::Mark;
use crate::support::client::Client;
use crate::support::wait::until;

const USERS: usize = 400;
const ROUNDS: usize = 3;

/// The version that answers a client with this header.
async fn answer(client: &Client, header: &str, value: &str) -> String {
    let mut request = client.request(Method::GET, "/", "");
    request.headers_mut().insert(http::HeaderName::try_from(header).unwrap(), value.parse().unwrap());
    client.send(request).await.expect(200).to_owned()
}

/// Tries version 2 on 30 % for longer than the test takes, and returns once somebody has seen it.
async fn with_canary(affinity: &str) -> Slot {
    let slot =
        Slot::start(Mark::good(1), &format!("swap = {{ canary = '30% for 1h', affinity = '{affinity}' }}")).await;
    let admin = slot.admin();
    let upload = admin.request(Method::POST, "/services/slot/versions", Mark::good(2).component());
    tokio::spawn(async move { admin.try_send(upload).await.map(|_| ()).map_err(|error| error.to_string()) });
    until("requests without a name are spread", async || (slot.answer().await == "0002").then_some(())).await;
    slot
}

/// Of many users, each of whom asks several times in turn with the others, how many see the canary and nothing else.
async fn users_on_canary(slot: &Slot, header: &str, value: impl Fn(usize) -> String) -> usize {
    let (client, mut seen) = (slot.client(), BTreeMap::<usize, Vec<String>>::new());
    for _ in 0..ROUNDS {
        for user in 0..USERS {
            seen.entry(user).or_default().push(answer(&client, header, &value(user)).await);
        }
    }
    for (user, versions) in &seen {
        assert!(versions.iter().all(|version| *version == versions[0]), "user {user} saw {versions:?}");
    }
    seen.values().filter(|versions| versions[0] == "0002").count()
}

/// Of 400 users 30 % are 120, with a standard deviation of 9.
fn is_about_a_third(users: usize) -> bool {
    (84..=156).contains(&users)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_user_by_header_sees_one_version() {
    let slot = with_canary("header:x-user").await;
    let users = users_on_canary(&slot, "x-user", |user| format!("user-{user}")).await;
    assert!(is_about_a_third(users), "{users} of {USERS}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_user_by_cookie_sees_one_version() {
    let slot = with_canary("cookie:session").await;
    let users = users_on_canary(&slot, "cookie", |user| format!("theme=dark; session={user}")).await;
    assert!(is_about_a_third(users), "{users} of {USERS}");
    // Without the cookie each request is for itself.
    let mut versions = Vec::new();
    for _ in 0..10 {
        versions.push(answer(&slot.client(), "cookie", "theme=dark").await);
    }
    assert!(versions.iter().any(|v| v == "0001") && versions.iter().any(|v| v == "0002"), "{versions:?}");
}
