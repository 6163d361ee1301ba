//! The native services answer as the components do: else their figures would say nothing about the host.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report, also in a function that tests share")]

use std::path::Path;

use bench::candidate::Candidate;
use bench::http::Http;
use bench::store::{Listen, Service};
use bench::world::World;
use bench::{Options, ports, store};
use clap::Parser as _;
use serde_json::Value;

const JSON: &str = "application/json";

/// The flow of docs/src/store.md, and what docs/src/errors.md says of mistakes: service, path, and body of a POST.
const FLOW: &[(Service, &str, Option<&str>)] = &[
    ("users", "/signup", Some(r#"{"email": "john@example.com", "password": "correct horse"}"#)),
    ("users", "/signup", Some(r#"{"email": "John@example.com", "password": "correct horse"}"#)),
    ("users", "/signup", Some(r#"{"email": "jane@example.com", "password": "short"}"#)),
    ("store", "/products", None),
    ("store", "/products/1", None),
    ("store", "/products/3", None),
    ("store", "/products/x", None),
    ("store", "/checkout", Some(r#"{"user_id": 1, "items": [1, 2]}"#)),
    ("store", "/checkout", Some(r#"{"user_id": 1, "items": [1, 9]}"#)),
    ("store", "/checkout", Some("{")),
    ("orders", "/order", Some(r#"{"user_id": 1, "items": ["apple", "banana"], "total_amount": "12.99"}"#)),
    ("orders", "/order", Some(r#"{"user_id": 1, "items": [], "total_amount": "12.99"}"#)),
    ("orders", "/order", Some(r#"{"user_id": 1, "items": ["apple"], "total_amount": 12.99}"#)),
    ("orders", "/order", None),
    ("orders", "/nowhere", None),
];

#[test]
fn native_services_answer_as_components_do() {
    // This is no test of Kafka itself, which would need Apache's.
    let options = Options::parse_from(["bench", "--check", "--kafka-jars", "/nowhere"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let world = World::new(options, Path::new(env!("CARGO_TARGET_TMPDIR")).join("parity")).unwrap();
        let native = answers(&world, Candidate::Native).await;
        let host = answers(&world, Candidate::Reuse).await;
        for ((request, native), host) in FLOW.iter().zip(native).zip(host) {
            assert_eq!(native, host, "{request:?}");
        }
        world.stop().await;
    });
}

/// The statuses and bodies of the whole flow.
async fn answers(world: &World, candidate: Candidate) -> Vec<(u16, Value)> {
    let listen = Listen::free().unwrap();
    let servers = store::start(world, candidate, &listen).await.unwrap();
    let (http, mut answers) = (Http::default(), Vec::new());
    for (service, path, body) in FLOW {
        let url = format!("{}{path}", ports::url(listen.port(service)));
        let reply = match body {
            Some(body) => http.post(&url, JSON, body.as_bytes().to_vec()).await.unwrap(),
            None => http.get(&url).await.unwrap(),
        };
        let mut body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        // What is said in words may differ by a word; by whom, and of which field, may not.
        for words in ["title", "detail"] {
            if let Some(said) = body.get_mut(words) {
                *said = Value::Null;
            }
        }
        answers.push((reply.status, body));
    }
    for server in servers {
        server.stop().await;
    }
    answers
}
