//! Replies of Redis that are larger than what a service may hold.

use serde_json::json;

use crate::support::probe::{HTTP_GRANT, Probe, key};
use crate::support::servers::redis;

const LARGE: usize = 16 << 20;

/// They would be 2.5 GiB in the host, and hold up all that is behind them on a connection.
#[tokio::test(flavor = "multi_thread")]
async fn replies_that_do_not_fit_are_not_asked_for_and_neighbours_are_served_meanwhile() {
    let (flood, large) = (Probe::start(HTTP_GRANT).await, key("large"));
    let mut connection = redis::Client::open(redis().await).unwrap().get_connection().unwrap();
    redis::cmd("SET").arg(&large).arg(vec![b'x'; LARGE]).query::<()>(&mut connection).unwrap();
    let quiet = Probe::start(&format!("{HTTP_GRANT}\nlimits = {{ call-timeout = '2s' }}")).await;
    let small = key("small");
    quiet.calls().redis(json!({ "op": "set", "key": small, "value": "x" })).await;
    let floods: Vec<_> = (0..8)
        .map(|_| {
            let (calls, keys) = (flood.calls(), vec![large.clone(); 150]);
            tokio::spawn(async move { calls.redis(json!({ "op": "get-many", "keys": keys })).await })
        })
        .collect();
    for _ in 0..50 {
        let answer = quiet.calls().redis(json!({ "op": "get", "key": small })).await;
        assert_eq!(answer, json!({ "value": "x" }));
    }
    for flood in floods {
        assert_eq!(flood.await.unwrap()["error"]["kind"], "too-large");
    }
    redis::cmd("DEL").arg(&large).query::<()>(&mut connection).unwrap();
}

/// A value of another kind, one that is absent and one that is empty are told apart, alone and among others.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_in_pieces_is_what_is_there() {
    let (calls, list, empty, absent) = (Probe::shared().await.calls(), key("list"), key("empty"), key("absent"));
    let mut connection = redis::Client::open(redis().await).unwrap().get_connection().unwrap();
    redis::cmd("RPUSH").arg(&list).arg("x").query::<()>(&mut connection).unwrap();
    calls.redis(json!({ "op": "set", "key": empty, "value": "" })).await;
    assert_eq!(calls.redis(json!({ "op": "get", "key": list })).await["error"]["kind"], "wrong-type");
    assert_eq!(calls.redis(json!({ "op": "get-many", "keys": [empty, list] })).await["error"]["kind"], "wrong-type");
    assert_eq!(calls.redis(json!({ "op": "get", "key": absent })).await, json!({ "value": null }));
    let many = calls.redis(json!({ "op": "get-many", "keys": [empty, absent, empty] })).await;
    assert_eq!(many, json!({ "value": ["", null, ""] }));
}
