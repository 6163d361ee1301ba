//! Outbound HTTP: the granted origins and no others, with the headers of the host.

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::echo;
use crate::support::host::free_port;
use crate::support::probe::{Calls, Probe};
use crate::support::shared;

const SECRET: &str = "Bearer of-the-host";

/// A guest with grants for these.
struct Servers {
    probe: Probe,
    granted: String,
    public_only: String,
    named: String,
    closed: String,
}

async fn servers() -> &'static Servers {
    static SERVERS: OnceCell<Servers> = OnceCell::const_new();
    SERVERS.get_or_init(|| shared(Servers::start)).await
}

impl Servers {
    async fn start() -> Self {
        let (granted, other) = (format!("http://{}", echo::start().await), echo::start().await);
        let (public_only, named) = (format!("http://{other}"), format!("http://localhost:{}", other.port()));
        let closed = format!("http://127.0.0.1:{}", free_port());
        let grants = format!(
            r#"
            grants.http = [
                {{ origin = "{granted}", private = true, headers = {{ authorization = "{SECRET}", x-team = "host" }} }},
                {{ origin = "{public_only}" }},
                {{ origin = "{named}" }},
                {{ origin = "{closed}", private = true }},
            ]
            "#
        );
        Self { probe: Probe::start(&grants).await, granted, public_only, named, closed }
    }

    fn calls(&self) -> Calls {
        self.probe.calls()
    }

    /// What the granted server saw of a call.
    async fn seen(&self, path: &str, mut call: Value) -> Value {
        call["url"] = json!(format!("{}{path}", self.granted));
        let answer = self.calls().http(call).await;
        assert_eq!(answer["status"], 200, "{answer}");
        serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
    }

    async fn kind_of_error(&self, call: Value) -> String {
        let answer = self.calls().http(call.clone()).await;
        answer["error"]["kind"].as_str().unwrap_or_else(|| panic!("{call}: {answer}")).to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_origin_gets_the_request_as_it_is() {
    let call = json!({ "method": "PUT", "headers": { "x-a": "b", "content-type": "text/plain" }, "body": "hello" });
    let seen = servers().await.seen("/path?query=1", call).await;
    assert_eq!(
        (&seen["method"], &seen["path"], &seen["body"]),
        (&json!("PUT"), &json!("/path?query=1"), &json!("hello"))
    );
    assert_eq!((&seen["headers"]["x-a"], &seen["headers"]["content-type"]), (&json!("b"), &json!("text/plain")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hosts_headers_stand_in_for_the_components_own() {
    let servers = servers().await;
    let headers = json!({ "Authorization": "Bearer of-the-guest", "x-team": "guest" });
    let seen = servers.seen("/", json!({ "headers": headers })).await;
    assert_eq!((&seen["headers"]["authorization"], &seen["headers"]["x-team"]), (&json!(SECRET), &json!("host")));
    assert_eq!(seen["headers"]["host"], servers.granted.trim_start_matches("http://"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_cannot_name_another_host() {
    let servers = servers().await;
    let call = json!({ "url": servers.granted, "headers": { "host": "other.example.com" } });
    let answer = servers.calls().http(call).await;
    assert!(!answer["body"].as_str().unwrap_or_default().contains("other.example.com"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_origins_are_denied() {
    let servers = servers().await;
    let port = servers.granted.rsplit_once(':').unwrap().1;
    for url in [
        "http://example.com/".to_owned(),
        "http://127.0.0.1:1/".to_owned(),
        format!("https://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://127.0.0.1.example.com:{port}/"),
    ] {
        assert_eq!(servers.kind_of_error(json!({ "url": url })).await, "denied", "{url}");
    }
    let confusing = format!("http://127.0.0.1:{port}@example.com/");
    assert!(servers.calls().http(json!({ "url": confusing })).await["error"].is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_need_a_grant_that_says_so() {
    let servers = servers().await;
    for url in [&servers.public_only, &servers.named] {
        assert_eq!(servers.kind_of_error(json!({ "url": url })).await, "denied", "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_the_components_own_affair() {
    let servers = servers().await;
    let answer = servers.calls().http(json!({ "url": format!("{}/redirect", servers.granted) })).await;
    assert_eq!(answer["status"], 302);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_or_silent_is_told_apart() {
    let servers = servers().await;
    assert_eq!(servers.kind_of_error(json!({ "url": servers.closed })).await, "unreachable");
    let never = json!({ "url": format!("{}/never", servers.granted), "timeout_ms": 200 });
    assert_eq!(servers.kind_of_error(never).await, "timeout");
}
