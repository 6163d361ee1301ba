//! A canary gets its share of the requests, and keeps each client that can be told apart on one version.

use std::collections::BTreeMap;

use http::{HeaderName, Method};
use tokio::task::JoinSet;

use super::Slot;
use super::versions::Mark;
use crate::support::client::Client;
use crate::support::wait::until;

/// Clients at the same time, each with a connection of its own.
const AT_A_TIME: usize = 16;
/// Of each of them. Sixteen times as many are whole rounds of a hundred turns.
const REQUESTS: usize = 125;

const USERS: usize = 1000;
/// Of 1000 users, each of whom is on the canary with a probability of 0.3, there are 300, with a standard deviation of
/// √(1000 · 0.3 · 0.7) = 14.5. Five of these are exceeded by one build of the component in two million, and the same build is
/// the same draw each time: the version's digest and the user decide.
const ON_CANARY: std::ops::RangeInclusive<usize> = 228..=372;

/// How often each version has answered.
type Answers = BTreeMap<String, usize>;

/// Tries version 2 on a share for longer than the test takes, and returns once somebody has seen it.
async fn with_canary(share: &str, affinity: &str) -> Slot {
    let limits = "limits = { concurrency = 64, queue = 1000, timeout = '60s' }";
    let swap = format!("swap = {{ canary = '{share} for 1h' {affinity} }}");
    let slot = Slot::start(Mark::good(1), &format!("{swap}\n{limits}")).await;
    let admin = slot.admin();
    let upload = admin.request(Method::POST, "/services/slot/versions", Mark::good(2).component());
    tokio::spawn(async move { admin.try_send(upload).await.map(|_| ()).map_err(|error| error.to_string()) });
    until("requests without a name are spread", async || (slot.answer().await == "0002").then_some(())).await;
    slot
}

/// Whoever cannot be told apart takes turns, so that of any hundred turns in a row the canary has its percentage, whoever
/// takes them: a count is exact, and needs no tolerance.
async fn has_exactly(share: &str, percent: usize) {
    let slot = with_canary(share, "").await;
    let (mut clients, mut answers) = (JoinSet::new(), Answers::new());
    for _ in 0..AT_A_TIME {
        let client = slot.client();
        clients.spawn(async move {
            let mut answers = Vec::new();
            for _ in 0..REQUESTS {
                answers.push(client.get("/").await.expect(200).to_owned());
            }
            answers
        });
    }
    for version in clients.join_all().await.into_iter().flatten() {
        *answers.entry(version).or_default() += 1;
    }
    let all = AT_A_TIME * REQUESTS;
    let canary = all * percent / 100;
    assert_eq!(answers, [("0001".to_owned(), all - canary), ("0002".to_owned(), canary)].into(), "{share}");
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_a_canary_answers_exactly_its_share() {
    has_exactly("30%", 30).await;
    has_exactly("7%", 7).await;
}

/// The version that answers a client with this header.
async fn answer(client: &Client, header: &HeaderName, value: &str) -> String {
    client.get_with("/", header.clone(), value).await.expect(200).to_owned()
}

/// Many users at the same time, each of whom asks once over each of several connections: how many see the canary, and nothing
/// else.
async fn users_on_canary(slot: &Slot, header: HeaderName, value: fn(usize) -> String) -> usize {
    let mut connections = JoinSet::new();
    for number in 0..AT_A_TIME / 4 {
        let (client, header) = (slot.client(), header.clone());
        connections.spawn(async move {
            let mut seen = Vec::new();
            // Each connection begins with another user, so that the same one asks over several of them in between others.
            for user in (0..USERS).map(|user| (user + number * USERS / 7) % USERS) {
                seen.push((user, answer(&client, &header, &value(user)).await));
            }
            seen
        });
    }
    let mut seen = BTreeMap::<usize, String>::new();
    for (user, version) in connections.join_all().await.into_iter().flatten() {
        let first = seen.entry(user).or_insert_with(|| version.clone());
        assert_eq!(*first, version, "user {user} saw both");
    }
    assert_eq!(seen.len(), USERS);
    seen.values().filter(|version| *version == "0002").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_user_by_header_sees_one_version() {
    let slot = with_canary("30%", ", affinity = 'header:x-user'").await;
    let users = users_on_canary(&slot, HeaderName::from_static("x-user"), |user| format!("user-{user}")).await;
    assert!(ON_CANARY.contains(&users), "{users} of {USERS}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_user_by_cookie_sees_one_version() {
    let slot = with_canary("30%", ", affinity = 'cookie:session'").await;
    let users = users_on_canary(&slot, http::header::COOKIE, |user| format!("theme=dark; session={user}")).await;
    assert!(ON_CANARY.contains(&users), "{users} of {USERS}");
    // Without the cookie each request is for itself: a hundred turns in a row.
    let mut on_canary = 0;
    for _ in 0..100 {
        on_canary += usize::from(answer(&slot.client(), &http::header::COOKIE, "theme=dark").await == "0002");
    }
    assert_eq!(on_canary, 30);
}
