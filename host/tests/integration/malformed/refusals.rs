//! What clients are told of bodies that no endpoint takes: word by word, since it is all that they have.

use serde_json::Value;

use super::client;
use crate::support::client::Reply;

const INTEGER: &str = "an integer from -9223372036854775808 to 9223372036854775807";

/// Service, path, body, status, `field`, `detail`.
type Refusal<'a> = (&'a str, &'a str, &'a str, u16, Option<&'a str>, &'a str);

const REFUSALS: &[Refusal] = &[
    ("users", "/signup", "", 400, None, "The body is empty; a JSON object is expected."),
    ("users", "/signup", "{", 400, None, "The body is not well-formed JSON: it ends too early."),
    ("users", "/signup", "{'email': 1}", 400, None, "The body is not well-formed JSON, at line 1, column 2."),
    ("users", "/signup", "{\"a\":1,\n}", 400, None, "The body is not well-formed JSON, at line 2, column 1."),
    ("users", "/signup", "{} {}", 400, None, "The body is not well-formed JSON, at line 1, column 4."),
    ("users", "/signup", "email=john", 400, None, "The body is not well-formed JSON, at line 1, column 1."),
    ("users", "/signup", r#"{"a":"\ud800"}"#, 400, None, "The body is not well-formed JSON, at line 1, column 13."),
    ("users", "/signup", r#"{"a":1e999}"#, 400, None, "The body has a number that is too large, at line 1, column 10."),
    ("users", "/signup", "[]", 422, None, "The body must be a JSON object."),
    ("users", "/signup", "{}", 422, Some("email"), "`email` is missing."),
    ("users", "/signup", r#"{"email":"john@example.com"}"#, 422, Some("password"), "`password` is missing."),
    (
        "users",
        "/signup",
        r#"{"email":5,"password":"12345678"}"#,
        422,
        Some("email"),
        "`email` must be text in quotes, not a number.",
    ),
    (
        "users",
        "/signup",
        r#"{"email":null,"password":"12345678"}"#,
        422,
        Some("email"),
        "`email` must be text in quotes, not null.",
    ),
    (
        "users",
        "/signup",
        r#"{"email":"a@b.co","email":"a@b.co","password":"12345678"}"#,
        422,
        Some("email"),
        "`email` stands there twice.",
    ),
    (
        "users",
        "/signup",
        r#"{"email":"a@b.co","password":["x"]}"#,
        422,
        Some("password"),
        "`password` must be text in quotes, not a list.",
    ),
    ("store", "/checkout", r#"{"items":[1]}"#, 422, Some("user_id"), "`user_id` is missing."),
    ("store", "/checkout", r#"{"user_id":1}"#, 422, Some("items"), "`items` is missing."),
    (
        "store",
        "/checkout",
        r#"{"user_id":"1","items":[1]}"#,
        422,
        Some("user_id"),
        "`user_id` must be INTEGER, not text.",
    ),
    ("store", "/checkout", r#"{"user_id":1.5,"items":[1]}"#, 422, Some("user_id"), "`user_id` must be INTEGER."),
    ("store", "/checkout", r#"{"user_id":1e30,"items":[1]}"#, 422, Some("user_id"), "`user_id` must be INTEGER."),
    (
        "store",
        "/checkout",
        r#"{"user_id":9223372036854775808,"items":[1]}"#,
        422,
        Some("user_id"),
        "`user_id` must be INTEGER.",
    ),
    (
        "store",
        "/checkout",
        r#"{"user_id":-1,"items":[1]}"#,
        422,
        Some("user_id"),
        "`user_id` must be a positive integer.",
    ),
    ("store", "/checkout", r#"{"user_id":1,"items":1}"#, 422, Some("items"), "`items` must be a list, not a number."),
    ("store", "/checkout", r#"{"user_id":1,"items":{}}"#, 422, Some("items"), "`items` must be a list, not an object."),
    (
        "store",
        "/checkout",
        r#"{"user_id":1,"items":[1,"2"]}"#,
        422,
        Some("items[1]"),
        "`items[1]` must be INTEGER, not text.",
    ),
    ("store", "/checkout", r#"{"user_id":1,"items":[]}"#, 422, Some("items"), "`items` must have 1 to 100 entries."),
    (
        "orders",
        "/order",
        r#"{"user_id":1,"items":["apple"],"total_amount":12.99}"#,
        422,
        Some("total_amount"),
        "`total_amount` must be text in quotes, not a number.",
    ),
    (
        "orders",
        "/order",
        r#"{"user_id":1,"items":[true],"total_amount":"1"}"#,
        422,
        Some("items[0]"),
        "`items[0]` must be text in quotes, not true or false.",
    ),
    (
        "orders",
        "/order",
        r#"{"user_id":1,"items":["apple"],"total_amount":"1,5"}"#,
        422,
        Some("total_amount"),
        "`total_amount` must be decimal text from \"0\" to \"9999999999.99\" with at most two decimals.",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_in_words_of_the_request() {
    for (service, path, body, status, field, detail) in REFUSALS {
        let reply = client(service).await.post_text(path, *body).await;
        let document = reply.problem(*status);
        let detail = detail.replace("INTEGER", INTEGER);
        let said = (document.get("field").and_then(Value::as_str), document["detail"].as_str().unwrap());
        assert_eq!(said, (*field, detail.as_str()), "{path} {body}");
    }
}

/// `{"email":"john@example.com","password":"correct horse"}`, by gzip.
const GZIP: &[u8] = b"\
    \x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x4a\xcd\x4d\xcc\xcc\x51\xb2\x52\xca\xca\xcf\xc8\
    \x73\x48\xad\x48\xcc\x2d\xc8\x49\xd5\x4b\xce\xcf\x55\xd2\x51\x2a\x48\x2c\x2e\x2e\xcf\x2f\x4a\x01\
    \xca\x26\xe7\x17\x15\xa5\x26\x97\x28\x64\xe4\x17\x15\xa7\x2a\xd5\x02\x00\x28\x34\x8e\x1f\x37\x00\
    \x00\x00";

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_body_is_refused_with_what_is_taken() {
    let reply = encoded("gzip", GZIP).await;
    assert_eq!(reply.problem(415)["detail"], "The body must be sent as it is, without a content-encoding.");
    assert_eq!(reply.header("accept-encoding"), Some("identity"));
    encoded("identity", b"{}").await.problem(422);
}

async fn encoded(coding: &str, body: &'static [u8]) -> Reply {
    let client = client("users").await;
    let mut request = client.request(http::Method::POST, "/signup", body);
    request.headers_mut().insert("content-encoding", coding.parse().unwrap());
    client.send(request).await
}
