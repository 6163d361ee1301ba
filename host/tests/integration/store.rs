//! The store, from sign-up to the confirmation mail: on an embedded Kafka, on a real one, and with the components that
//! `cargo component build` makes.

use serde_json::json;

use crate::support::files::{component, is_ci, say_loudly, target};
use crate::support::host::free_port;
use crate::support::servers::{kafka, postgres, redis};
use crate::support::store::{Clients, Customer, Plan, Store};
use crate::support::unique;
use crate::support::wait::until;

/// What a customer does, and what docs/src/store.md shows: each answer is exactly this.
pub async fn buy(http: &Clients) {
    http.ready().await;
    let customer = http.sign_up().await;
    browse(http).await;
    check_out(http, &customer).await;
    order(http, &customer).await;
}

async fn browse(http: &Clients) {
    let products = r#"[{"id":1,"name":"Apple","price":"1.99"},{"id":2,"name":"Banana","price":"0.99"}]"#;
    assert_eq!(http.store.get("/products").await.expect(200), products);
    assert_eq!(http.store.get("/products/1").await.expect(200), r#"{"id":1,"name":"Apple","price":"1.99"}"#);
    http.store.get("/products/3").await.problem(404);
}

/// An id that is listed twice counts twice.
async fn check_out(http: &Clients, customer: &Customer) {
    let reply = http.store.post("/checkout", &json!({ "user_id": customer.id, "items": [1, 2, 2] })).await;
    let order_id = &reply.json()["order_id"];
    assert_eq!(reply.expect(201), format!(r#"{{"order_id":{order_id},"status":"pending"}}"#));
    expect_mail(http, customer, &order_id.to_string(), "- Apple\n- Banana\n- Banana\n\nTotal: 3.97\n").await;
}

async fn order(http: &Clients, customer: &Customer) {
    let order = json!({ "user_id": customer.id, "items": ["apple", "banana"], "total_amount": "12.99" });
    let reply = http.orders.post("/order", &order).await;
    let order_id = &reply.json()["order_id"];
    assert_eq!(reply.expect(201), format!(r#"{{"order_id":{order_id},"status":"pending"}}"#));
    expect_mail(http, customer, &order_id.to_string(), "- apple\n- banana\n\nTotal: 12.99\n").await;
}

async fn expect_mail(http: &Clients, customer: &Customer, order_id: &str, end: &str) {
    let subject = format!("Your order {order_id}");
    let mail = until(&format!("a mail: {subject}"), async || {
        http.mails_to(customer).await.into_iter().find(|mail| mail["subject"] == subject.as_str())
    })
    .await;
    assert_eq!(mail["content"], format!("Thank you for your order {order_id}.\n\n{end}"));
    assert_eq!(mail["from"], "orders@example.com");
}

/// Each exports what the trigger calls and imports what is granted, or less: the probe tells them apart.
#[tokio::test(flavor = "multi_thread")]
async fn no_service_takes_the_component_of_another() {
    let store = Store::start().await;
    let http = store.running.http();
    http.ready().await;
    for (service, other) in [("store", "orders"), ("store", "users"), ("orders", "store"), ("users", "orders")] {
        let component = std::fs::read(component(other)).unwrap();
        let upload = http.admin.request(http::Method::POST, &format!("/services/{service}/versions"), component);
        let refused = http.admin.send(upload).await.problem(422);
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.starts_with("not probed: ") || detail.starts_with("not checked: "), "{other}: {detail}");
    }
    assert_eq!(http.store.get("/products/3").await.status, 404);
    store.running.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_embedded_kafka() {
    let store = Store::start().await;
    buy(&store.running.http()).await;
    store.running.host.stop().await;
}

/// A real Kafka, where there is one, and whatever the environment names; and checkouts that go over the network.
#[tokio::test(flavor = "multi_thread")]
async fn with_the_servers_that_the_tests_share() {
    let plan = Plan::new(postgres().await, redis().await, &kafka().await.brokers());
    let orders = Some(format!("127.0.0.1:{}", free_port()));
    let store = Plan { orders, ..plan }.start().await;
    buy(&store.http()).await;
    store.host.stop().await;
}

/// The other build, which plugin authors may use as well.
#[tokio::test(flavor = "multi_thread")]
async fn with_the_components_of_cargo_component() {
    let folder = target().join("cargo-component");
    if !folder.join("notifications.wasm").is_file() {
        let missing = format!("{} has no components: run `cargo xtask components --cargo-component`", folder.display());
        assert!(!is_ci(), "CI tests the components of cargo-component. {missing}");
        return say_loudly(&format!("SKIPPED with_the_components_of_cargo_component: {missing}"));
    }
    let store = Store::start_with(folder).await;
    buy(&store.running.http()).await;
    store.running.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_signs_up_once_whatever_its_case() {
    let (users, name) = (Store::shared().await.http().users, unique("John"));
    let sign_up = async |email: &str| users.post("/signup", &json!({ "email": email, "password": "12345678" })).await;
    let reply = sign_up(&format!(" {name}@Example.com ")).await;
    let id = &reply.json()["user_id"];
    assert_eq!(reply.expect(201), format!(r#"{{"user_id":{id},"email":"{name}@Example.com"}}"#));
    assert_eq!(sign_up(&format!("{name}@example.COM").to_lowercase()).await.problem(409)["field"], "email");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_kept_as_its_hash() {
    let store = Store::shared().await;
    let Customer { id, email } = store.http().sign_up().await;
    let row = format!("select email || ' ' || password_hash from users where id = {id}");
    let row = store.text(&store.databases.users, &row).await;
    assert!(row.starts_with(&format!("{email} $argon2id$v=19$m=19456,t=2,p=1$")), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_products_are_named_and_nothing_is_ordered() {
    let store = Store::shared().await;
    let customer = store.http().sign_up().await;
    let cart = json!({ "user_id": customer.id, "items": [1, 7, 9, 7] });
    assert_eq!(store.http().store.post("/checkout", &cart).await.problem(422)["ids"], json!([7, 9]));
    let orders = format!("orders where user_id = {}", customer.id);
    assert_eq!(store.count(&store.databases.orders, &orders).await, 0);
}

#[test]
fn the_components_are_there() {
    for name in ["users", "orders", "store", "notifications", "shop"] {
        component(name);
    }
}
