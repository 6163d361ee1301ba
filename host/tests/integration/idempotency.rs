//! A request that comes again under its `Idempotency-Key`: one order, one answer.

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::client::{Client, Reply};
use crate::support::servers::{connect, postgres};
use crate::support::store::{Clients, Store};
use crate::support::unique;
use sqlx::Executor;

const AT_ONCE: usize = 12;

async fn post(client: &Client, path: &str, key: &str, body: &Value) -> Reply {
    let mut request = client.request(Method::POST, path, body.to_string());
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    client.send(request).await
}

/// The only answer to the same request, many times at once.
async fn post_at_once(client: &Client, path: &'static str, key: &str, body: &Value) -> String {
    let mut requests = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (client, key, body) = (client.clone(), key.to_owned(), body.clone());
        requests.spawn(async move { post(&client, path, &key, &body).await.expect(201).to_owned() });
    }
    let mut answers = requests.join_all().await;
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_order_for_a_key() {
    let store = Store::shared().await;
    let Clients { orders, store: shop, .. } = store.http();
    let of_users = |user_id: i64| format!("orders where user_id = {user_id}");
    let order = json!({ "user_id": 9_000_001, "items": ["apple"], "total_amount": "1.00" });
    let checkout = json!({ "user_id": 9_000_002, "items": [1, 1, 2] });
    for (client, path, body, user_id) in
        [(&orders, "/order", &order, 9_000_001), (&shop, "/checkout", &checkout, 9_000_002)]
    {
        let key = unique("key");
        let answer = post_at_once(client, path, &key, body).await;
        assert_eq!(post(client, path, &key, body).await.expect(201), answer, "later, too");
        assert_eq!(store.count(&store.databases.orders, &of_users(user_id)).await, 1, "{path}");
        let mut other = body.clone();
        other["items"].as_array_mut().unwrap().pop();
        other["items"].as_array_mut().unwrap().insert(0, body["items"][0].clone());
        other["user_id"] = json!(9_000_003);
        assert_eq!(post(client, path, &key, &other).await.problem(422)["field"], "Idempotency-Key");
        assert_eq!(post(client, path, "", body).await.problem(400)["status"], 400);
        assert_ne!(post(client, path, &unique("key"), body).await.expect(201), answer);
    }
    assert_eq!(store.count(&store.databases.orders, &of_users(9_000_003)).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_that_comes_again_asks_for_the_same_order_at_new_prices_too() {
    let store = Store::start().await;
    let shop = store.running.http().store;
    let (key, cart) = (unique("key"), json!({ "user_id": 1, "items": [1] }));
    let answer = post(&shop, "/checkout", &key, &cart).await.expect(201).to_owned();
    let mut connection = connect(postgres().await, &store.running.databases.store).await;
    connection.execute("update products set price = price + 1").await.unwrap();
    assert_eq!(post(&shop, "/checkout", &key, &cart).await.expect(201), answer);
    let totals =
        store.running.text(&store.running.databases.orders, "select string_agg(total_amount::text, ' ') from orders");
    assert_eq!(totals.await, "1.99");
}
