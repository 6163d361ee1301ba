//! Malformed requests, some by hand and many at random: each is refused with a 4xx that says why, and leaves nothing behind.

mod bodies;
mod paths;
mod refusals;

use http::Method;
use http::header::CONTENT_TYPE;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestCaseResult, TestRunner};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use self::bodies::Form;
use crate::support::block_on;
use crate::support::client::{Client, Reply};
use crate::support::kafka::Topic;
use crate::support::shared;
use crate::support::store::Store;

/// At random, for each endpoint.
const CASES: u32 = 96;

/// The requests of one endpoint.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub content_type: Option<String>,
    pub body: Vec<u8>,
}

impl Request {
    /// A POST of what claims to be JSON.
    pub fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        let content_type = Some("application/json".to_owned());
        Self { method: Method::POST, path: path.to_owned(), content_type, body: body.into() }
    }

    async fn send(&self, client: &Client) -> Reply {
        let mut request = client.request(self.method.clone(), &self.path, self.body.clone());
        if let Some(content_type) = &self.content_type {
            request.headers_mut().insert(CONTENT_TYPE, content_type.parse().unwrap());
        }
        client.send(request).await
    }
}

/// The store of these tests alone, which stays empty.
async fn store() -> &'static Store {
    static STORE: OnceCell<Store> = OnceCell::const_new();
    STORE.get_or_init(|| shared(Store::start)).await
}

async fn client(service: &str) -> Client {
    Client::new(store().await.running.host.address(service).unwrap())
}

/// Sends those that were written by hand, and then many at random.
fn refuses(service: &str, by_hand: Vec<Request>, at_random: impl Strategy<Value = Request>) {
    let client = block_on(client(service));
    for request in by_hand {
        is_refused(&client, &request).unwrap_or_else(|error| panic!("{error}"));
    }
    let config = ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&at_random, |request| is_refused(&client, &request))
        .unwrap_or_else(|error| panic!("{error}"));
    block_on(expect_nothing_stored());
}

fn is_refused(client: &Client, request: &Request) -> TestCaseResult {
    let reply = block_on(request.send(client));
    let refused = (400..500).contains(&reply.status) && is_problem(&reply);
    let body = String::from_utf8_lossy(&request.body);
    let body: String = body.chars().take(300).collect();
    let Request { method, path, content_type, .. } = request;
    refused
        .then_some(())
        .ok_or_else(|| TestCaseError::fail(format!("{method} {path} {content_type:?} {body:?}: {reply:?}")))
}

/// Of Rust's types, and of the parser: what tells a client nothing that it could change.
const WORDS_OF_SERDE: [&str; 14] = [
    "i64",
    "u64",
    "invalid ",
    ", expected ",
    "missing field",
    "duplicate field",
    "unknown variant",
    "sequence",
    "struct ",
    "EOF",
    "trailing ",
    "recursion",
    "surrogate",
    "key must be",
];

fn is_problem(reply: &Reply) -> bool {
    let Ok(document) = serde_json::from_slice::<Value>(&reply.body) else { return false };
    let texts = ["type", "title", "detail"].iter().all(|member| document[member].is_string());
    let detail = document["detail"].as_str().unwrap_or_default();
    let is_plain = !WORDS_OF_SERDE.iter().any(|word| detail.contains(word));
    texts
        && is_plain
        && document["status"] == reply.status
        && reply.header("content-type") == Some("application/problem+json")
}

async fn expect_nothing_stored() {
    let store = store().await;
    assert_eq!(store.running.count(&store.running.databases.users, "users").await, 0);
    assert_eq!(store.running.count(&store.running.databases.orders, "orders").await, 0);
    let mut redis = redis::Client::open(store.redis.url()).unwrap().get_connection().unwrap();
    assert_eq!(redis::cmd("DBSIZE").query::<i64>(&mut redis).unwrap(), 0);
    assert!(Topic::existing(&store.kafka.url(), "orders").records().await.is_empty());
}

fn numbers_that_are_no_user() -> Vec<Value> {
    let huge = serde_json::from_str("1e30").unwrap();
    vec![
        json!(0),
        json!(-1),
        json!(1.5),
        json!("1"),
        json!(null),
        json!(true),
        json!([1]),
        json!(9_223_372_036_854_775_808_u64),
        huge,
    ]
}

fn sign_up() -> Form {
    let long = format!("{}@example.com", "x".repeat(300));
    let addresses = [
        "",
        " ",
        "john",
        "john@",
        "@example.com",
        "john@localhost",
        "john@example.com\0",
        "jo\0hn@example.com",
        "john@example..com",
        "john@[127.0.0.1]",
        "John <john@example.com>",
        "a@b.co, c@d.co",
        "john@example.com\r\nbcc: x@y.co",
        &long,
    ];
    let passwords = ["", "1234567", &"x".repeat(129), &"x".repeat(200_000)].map(|text| json!(text));
    Form::new("/signup", json!({ "email": "john@example.com", "password": "correct horse" }))
        .wrong("email", addresses.map(|text| json!(text)))
        .wrong("email", [json!(null), json!(5), json!(["john@example.com"]), json!({})])
        .wrong("password", passwords)
        .wrong("password", [json!(null), json!(12_345_678), json!(["correct horse"]), json!({})])
}

fn order() -> Form {
    let amounts = [
        "",
        "-1",
        "1.999",
        "10000000000",
        "1e3",
        "NaN",
        "Infinity",
        "12,99",
        " 1",
        ".5",
        "5.",
        "0x10",
        "\u{663}",
        "1\0",
    ];
    let items =
        [json!([]), json!("apple"), json!([""]), json!(["  "]), json!([1]), json!([null]), json!(["a\0b"]), json!({})];
    Form::new("/order", json!({ "user_id": 1, "items": ["apple"], "total_amount": "12.99" }))
        .wrong("user_id", numbers_that_are_no_user())
        .wrong("items", items)
        .wrong("items", [json!(["x".repeat(201)]), json!(vec!["x"; 101]), json!(["apple", ["banana"]]), json!(null)])
        .wrong("total_amount", amounts.map(|text| json!(text)))
        .wrong("total_amount", [json!(12.99), json!(12), json!(null), json!(["12.99"]), json!("9".repeat(100_000))])
}

fn cart() -> Form {
    let items = [
        json!([]),
        json!(1),
        json!("1"),
        json!(["1"]),
        json!([null]),
        json!([1.5]),
        json!([[1]]),
        json!(null),
        json!({}),
    ];
    Form::new("/checkout", json!({ "user_id": 1, "items": [1, 2] }))
        .wrong("user_id", numbers_that_are_no_user())
        .wrong("items", items)
        .wrong(
            "items",
            [
                json!([0]),
                json!([-1]),
                json!([1, 3]),
                json!([i64::MAX]),
                json!([i64::MIN]),
                json!([u64::MAX]),
                json!(vec![1; 101]),
            ],
        )
}

#[test]
fn sign_ups() {
    refuses("users", sign_up().by_hand(), sign_up().at_random());
}

#[test]
fn orders() {
    refuses("orders", order().by_hand(), order().at_random());
}

#[test]
fn checkouts() {
    refuses("store", cart().by_hand(), cart().at_random());
}

#[test]
fn products() {
    refuses("store", paths::by_hand(), paths::at_random());
}
