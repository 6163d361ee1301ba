//! Keys of Redis that mean more to others than to the host: globs, ends of texts and of lines.

use serde_json::{Value, json};

use crate::support::probe::{Calls, HTTP_GRANT, Probe, key};
use crate::support::servers::redis;

async fn connection() -> redis::Connection {
    redis::Client::open(redis().await).unwrap().get_connection().unwrap()
}

async fn set(calls: &Calls, key: &str) -> Value {
    calls.redis(json!({ "op": "set", "key": key, "value": "of the guest" })).await
}

/// What a server or a shell would take for a pattern is a name.
#[tokio::test(flavor = "multi_thread")]
async fn a_glob_in_a_key_is_the_key_itself() {
    let (calls, mine, mut connection) = (Probe::shared().await.calls(), key("glob"), connection().await);
    let neighbours = [format!("{mine}a"), format!("{mine}b")];
    for neighbour in &neighbours {
        redis::cmd("SET").arg(neighbour).arg("kept").query::<()>(&mut connection).unwrap();
    }
    for glob in ["*", "?", "[ab]", "[^x]", "\\*"] {
        let all = format!("{mine}{glob}");
        assert_eq!(calls.redis(json!({ "op": "get", "key": all })).await, json!({ "value": null }), "{glob}");
        assert_eq!(calls.redis(json!({ "op": "exists", "key": all })).await, json!({ "value": false }), "{glob}");
        calls.redis(json!({ "op": "delete", "keys": [all] })).await;
        calls.redis(json!({ "op": "expire", "key": all, "ttl_ms": 1 })).await;
        assert_eq!(set(&calls, &all).await, json!({ "value": true }), "{glob}");
        assert_eq!(calls.redis(json!({ "op": "delete", "keys": [all] })).await, json!({ "value": 1 }), "{glob}");
    }
    for neighbour in &neighbours {
        assert_eq!(redis::cmd("GET").arg(neighbour).query::<String>(&mut connection).unwrap(), "kept");
    }
}

/// A key has a length, and no end that a character could make.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_a_key_ends_it() {
    let (calls, mine, mut connection) = (Probe::shared().await.calls(), key("end"), connection().await);
    let secret = key("secret").replace("probe:", "others:");
    redis::cmd("SET").arg(&secret).arg("secret").query::<()>(&mut connection).unwrap();
    for end in ["\0", "\r\n", "\r\n*2\r\n$3\r\nGET\r\n", "\n", " ", "\u{2028}"] {
        let whole = format!("{mine}{end}{secret}");
        assert_eq!(set(&calls, &whole).await, json!({ "value": true }), "{end:?}");
        assert_eq!(redis::cmd("GET").arg(&whole).query::<String>(&mut connection).unwrap(), "of the guest", "{end:?}");
        assert_eq!(calls.redis(json!({ "op": "delete", "keys": [whole] })).await, json!({ "value": 1 }), "{end:?}");
        for other in [format!("{secret}{end}{mine}"), format!("{end}{mine}"), format!("probe{end}:"), secret.clone()] {
            assert_eq!(set(&calls, &other).await["error"]["kind"], "denied", "{other:?}");
            assert_eq!(calls.redis(json!({ "op": "get", "key": other })).await["error"]["kind"], "denied", "{other:?}");
        }
    }
    assert_eq!(redis::cmd("GET").arg(&secret).query::<String>(&mut connection).unwrap(), "secret");
}

/// `*` stands for anything, and all else in a grant for itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_of_a_grant_means_what_it_says() {
    let prefix = key("pattern");
    let patterns = ["a?c", "[ab]:*", "nul\\u0000:*", "*:middle:*", "x\\\\*"];
    let patterns: Vec<_> = patterns.iter().map(|pattern| format!("\"{prefix}{pattern}\"")).collect();
    let service = format!("{HTTP_GRANT}\ngrants.redis = {{ write = [{}] }}", patterns.join(", "));
    let probe = Probe::start(&service).await;
    let is_granted = async |key: &str| {
        let answer = set(&probe.calls(), &format!("{prefix}{key}")).await;
        answer["error"]["kind"] != "denied"
    };
    for key in ["a?c", "[ab]:1", "nul\0:1", "1:middle:2", ":middle:", "x\\", "x\\y"] {
        assert!(is_granted(key).await, "{key:?}");
    }
    for key in ["abc", "ac", "a:1", "b:1", "[ab]", "nul:1", "nul", "nul\0", "middle", ":middle", "x", "xy"] {
        assert!(!is_granted(key).await, "{key:?}");
    }
}
