//! Redis as components see it: only the keys that are granted.

use serde_json::{Value, json};

use crate::support::probe::{Calls, HTTP_GRANT, Probe, key};
use crate::support::servers::redis;
use crate::support::unique;
use crate::support::wait::until;

async fn calls() -> Calls {
    Probe::shared().await.calls()
}

async fn set(calls: &Calls, key: &str, value: &str) {
    assert_eq!(calls.redis(json!({ "op": "set", "key": key, "value": value })).await, json!({ "value": true }));
}

async fn get(calls: &Calls, key: &str) -> Value {
    calls.redis(json!({ "op": "get", "key": key })).await["value"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_written_read_and_deleted() {
    let (calls, one, two) = (calls().await, key("one"), key("two"));
    assert_eq!(get(&calls, &one).await, Value::Null);
    set(&calls, &one, "first").await;
    let binary = json!({ "op": "set", "key": two, "value": [0, 255, 10] });
    assert_eq!(calls.redis(binary).await["value"], true);
    let many = calls.redis(json!({ "op": "get-many", "keys": [two, "probe:absent", one] })).await;
    assert_eq!(many["value"], json!([[0, 255, 10], null, "first"]));
    assert_eq!(calls.redis(json!({ "op": "get-many", "keys": [] })).await["value"], json!([]));
    assert_eq!(calls.redis(json!({ "op": "exists", "key": one })).await["value"], true);
    assert_eq!(calls.redis(json!({ "op": "delete", "keys": [one, two, "probe:absent"] })).await["value"], 2);
    assert_eq!(calls.redis(json!({ "op": "exists", "key": one })).await["value"], false);
    assert_eq!(calls.redis(json!({ "op": "delete", "keys": [] })).await["value"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_value_is_not_an_absent_one() {
    let (calls, key) = (calls().await, key("empty"));
    set(&calls, &key, "").await;
    assert_eq!(get(&calls, &key).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn if_absent_does_not_overwrite() {
    let (calls, key) = (calls().await, key("once"));
    let set = async |value: &str| {
        calls.redis(json!({ "op": "set", "key": key, "value": value, "if_absent": true })).await["value"].clone()
    };
    assert_eq!((set("first").await, set("second").await), (json!(true), json!(false)));
    assert_eq!(get(&calls, &key).await, "first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_to_live_ends() {
    let (calls, short, long) = (calls().await, key("short"), key("long"));
    calls.redis(json!({ "op": "set", "key": short, "value": "x", "ttl_ms": 300 })).await;
    calls.redis(json!({ "op": "set", "key": long, "value": "x", "ttl_ms": 600_000 })).await;
    until("the entry is gone", async || get(&calls, &short).await.is_null().then_some(())).await;
    assert_eq!(get(&calls, &long).await, "x");
    assert_eq!(calls.redis(json!({ "op": "expire", "key": long, "ttl_ms": 1 })).await["value"], true);
    until("the other one too", async || get(&calls, &long).await.is_null().then_some(())).await;
    assert_eq!(calls.redis(json!({ "op": "expire", "key": long, "ttl_ms": 1000 })).await["value"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_value_lives_on() {
    let (calls, key) = (calls().await, key("replaced"));
    calls.redis(json!({ "op": "set", "key": key, "value": "x", "ttl_ms": 600_000 })).await;
    set(&calls, &key, "y").await;
    let mut connection = redis::Client::open(redis().await).unwrap().get_connection().unwrap();
    assert_eq!(redis::cmd("PTTL").arg(&key).query::<i64>(&mut connection).unwrap(), -1);
}

#[tokio::test(flavor = "multi_thread")]
async fn integers_are_counted_and_other_values_are_not() {
    let (calls, counter, text) = (calls().await, key("counter"), key("text"));
    let add = async |key: &str, delta: i64| calls.redis(json!({ "op": "increment", "key": key, "delta": delta })).await;
    assert_eq!(add(&counter, 5).await["value"], 5);
    assert_eq!(add(&counter, -7).await["value"], -2);
    set(&calls, &text, "five").await;
    assert_eq!(add(&text, 1).await["error"]["kind"], "wrong-type");
    set(&calls, &counter, &i64::MAX.to_string()).await;
    assert_eq!(add(&counter, 1).await["error"]["kind"], "refused", "it would overflow");
    let mut connection = redis::Client::open(redis().await).unwrap().get_connection().unwrap();
    let list = key("list");
    redis::cmd("RPUSH").arg(&list).arg("x").query::<i64>(&mut connection).unwrap();
    assert_eq!(calls.redis(json!({ "op": "get", "key": list })).await["error"]["kind"], "wrong-type");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_to_live_of_zero_is_refused() {
    let (calls, key) = (calls().await, key("zero"));
    let answer = calls.redis(json!({ "op": "set", "key": key, "value": "x", "ttl_ms": 0 })).await;
    assert_eq!(answer["error"]["kind"], "refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_outside_the_patterns_are_denied() {
    let (calls, name) = (calls().await, unique("key"));
    let (readable, writable, other) = (format!("read:{name}"), format!("write:{name}"), format!("other:{name}"));
    let denied = async |command: Value| {
        let answer = calls.redis(command.clone()).await;
        assert_eq!(answer["error"]["kind"], "denied", "{command}: {answer}");
        answer["error"]["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(get(&calls, &readable).await, Value::Null);
    set(&calls, &writable, "x").await;
    for key in [&writable, &other] {
        let reason = denied(json!({ "op": "get", "key": key })).await;
        assert_eq!(reason, format!("no pattern in `grants.redis.read` covers {key:?}"));
        denied(json!({ "op": "exists", "key": key })).await;
        denied(json!({ "op": "get-many", "keys": [readable, key] })).await;
    }
    for key in [&readable, &other] {
        let reason = denied(json!({ "op": "set", "key": key, "value": "x" })).await;
        assert_eq!(reason, format!("no pattern in `grants.redis.write` covers {key:?}"));
        denied(json!({ "op": "delete", "keys": [writable, key] })).await;
        denied(json!({ "op": "increment", "key": key, "delta": 1 })).await;
        denied(json!({ "op": "expire", "key": key, "ttl_ms": 1 })).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_limited_in_size() {
    let probe = Probe::start(&format!("{HTTP_GRANT}\nlimits = {{ transfer = '64KiB' }}")).await;
    let (calls, large) = (probe.calls(), key("large"));
    let mut connection = redis::Client::open(redis().await).unwrap().get_connection().unwrap();
    redis::cmd("SET").arg(&large).arg(vec![b'x'; 70_000]).query::<()>(&mut connection).unwrap();
    let answer = calls.redis(json!({ "op": "get", "key": large })).await;
    assert_eq!(
        answer["error"],
        json!({ "kind": "too-large", "reason": "70000 bytes are more than 65536 (limits.transfer)" })
    );
    let answer = calls.redis(json!({ "op": "get-many", "keys": [large, large] })).await;
    assert_eq!(answer["error"]["kind"], "too-large");
}
