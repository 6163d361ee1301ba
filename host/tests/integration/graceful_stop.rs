//! A host that is told to stop under load answers every request that it has accepted.

use serde_json::json;
use tokio::task::JoinSet;

use crate::support::client::Client;
use crate::support::store::Store;
use crate::support::wait::until;

const CUSTOMERS: usize = 16;

/// Checks out until nobody listens any more: the answers.
async fn check_out_again_and_again(store: Client) -> Vec<u16> {
    let mut answers = Vec::new();
    loop {
        let mut request =
            store.request(http::Method::POST, "/checkout", json!({ "user_id": 1, "items": [1] }).to_string());
        request.headers_mut().insert("content-type", "application/json".parse().unwrap());
        match store.try_send(request).await {
            Ok(reply) => answers.push(reply.status),
            Err(_) => return answers,
        }
    }
}

/// A checkout calls `orders` of the same host, which therefore must not go before `store`.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_that_was_accepted_finds_orders_until_the_end() {
    let store = Store::start().await;
    let clients = store.running.http();
    let mut customers = JoinSet::new();
    for _ in 0..CUSTOMERS {
        customers.spawn(check_out_again_and_again(Client::new(clients.store.address)));
    }
    until("there are orders", async || {
        (store.running.count(&store.running.databases.orders, "orders").await > 50).then_some(())
    })
    .await;
    store.running.host.stop().await;
    let answers: Vec<u16> = customers.join_all().await.into_iter().flatten().collect();
    assert!(answers.len() > 50 && answers.iter().all(|status| *status == 201), "{answers:?}");
}
