//! The host as a process: it serves, drains at a signal, and says with its exit code what kept it from starting.

use dev_backends::{EmbeddedKafka, Mailbox};
use rustix::process::Signal;

use crate::store::buy;
use crate::support::client::Client;
use crate::support::files::{component, guest, root};
use crate::support::host::free_port;
use crate::support::process::{ManifestFile, Process, command};
use crate::support::servers::{own_redis, postgres};
use crate::support::store::{Clients, Plan};
use crate::support::wait::until;

/// A service whose requests take their time, one at a time.
fn sleeper(listen: &str) -> ManifestFile {
    let component = guest("misbehave");
    ManifestFile::new(&format!(
        r#"
        [services.sleeper]
        component = "{component}"
        http = {{ listen = "{listen}" }}
        limits = {{ concurrency = 1, queue = 0, timeout = "600s" }}
        "#
    ))
}

/// Sends a request that takes so long, and waits until it is in the component.
async fn asleep(client: &Client, ms: u32) -> tokio::task::JoinHandle<Option<u16>> {
    let request = tokio::spawn(sleep(client.clone(), ms));
    until("the service is busy", async || (client.get("/hello").await.status == 503).then_some(())).await;
    request
}

/// The status, or none where there is no answer. Tries again where the place was taken by the one who looks for it.
async fn sleep(client: Client, ms: u32) -> Option<u16> {
    loop {
        let request = client.request(http::Method::GET, &format!("/sleep?ms={ms}"), "");
        match client.try_send(request).await.ok()?.status {
            503 => {}
            status => return Some(status),
        }
    }
}

/// `componentd.toml` as it is, with everything from the environment.
#[tokio::test(flavor = "multi_thread")]
async fn the_store_from_its_manifest_and_the_environment() {
    let (redis, kafka, mailbox) =
        (own_redis().await, EmbeddedKafka::start().unwrap(), Mailbox::start(0).await.unwrap());
    let plan = Plan::new(postgres().await, &redis.url(), &kafka.url());
    let manifest = root().join("componentd.toml");
    let mut host = Process::start(&["run", "--manifest", manifest.to_str().unwrap()], &plan.environment(&mailbox));
    host.ready().await;
    let http = Clients {
        users: host.client("users").await,
        orders: host.client("orders").await,
        store: host.client("store").await,
        admin: host.client("the admin port").await,
    };
    buy(&http).await;
    host.signal(Signal::TERM);
    host.end().await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_lets_requests_in_flight_come_to_their_end() {
    for signal in [Signal::TERM, Signal::INT] {
        let manifest = sleeper("127.0.0.1:0");
        let mut host = Process::run(&manifest);
        let client = host.client("sleeper").await;
        host.ready().await;
        let request = asleep(&client, 1_000).await;
        host.signal(signal);
        assert_eq!(request.await.unwrap(), Some(200));
        host.end().await.expect(0);
        assert!(client.try_send(client.request(http::Method::GET, "/hello", "")).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_at_once() {
    let manifest = sleeper("127.0.0.1:0");
    let mut host = Process::run(&manifest);
    let client = host.client("sleeper").await;
    host.ready().await;
    let request = asleep(&client, 600_000).await;
    host.signal(Signal::TERM);
    host.line("it is stopping", |line| line["message"].as_str().is_some_and(|text| text.starts_with("stopping"))).await;
    host.signal(Signal::TERM);
    host.end().await.expect(130);
    assert_eq!(request.await.unwrap(), None);
}

/// Runs a manifest that cannot be run, and checks it as well: both say the same.
async fn refused(manifest: &ManifestFile, code: i32) -> String {
    let said = Process::run(manifest).end().await.expect(code).to_owned();
    let checked = command(&["check", "--manifest", manifest.path()], &[]).await;
    assert_eq!(checked.expect(code), said);
    said.replace(manifest.folder.path().to_str().unwrap(), "…")
}

fn service(component: &str, more: &str) -> ManifestFile {
    ManifestFile::new(&format!(
        r#"
        [backends]
        postgres = {{ url = "postgres://127.0.0.1:1" }}
        redis = {{ url = "redis://127.0.0.1:1" }}
        kafka = {{ brokers = "127.0.0.1:1" }}
        [services.users]
        component = "{component}"
        {more}
        "#
    ))
}

const HTTP: &str = "http = { listen = '127.0.0.1:0' }";

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_manifest_is_named_with_line_and_key() {
    let manifest = ManifestFile::new("[services.users]\ncomponent = 'users.wasm'\nhttp = { listen = '127.0.0.1' }\n");
    let said = refused(&manifest, 64).await;
    let reason = "services.users.http.listen: \"127.0.0.1\" is no address: write IP:PORT, as in 0.0.0.0:8081";
    assert_eq!(said, format!("componentd: …/manifest.toml:3: {reason}"));
    let absent = command(&["run", "--manifest", "/absent.toml"], &[]).await;
    assert!(absent.expect(64).contains("/absent.toml: cannot be read: "), "{absent:?}");
}

/// Nothing can be refused at a start, since there is no version to stay with.
#[tokio::test(flavor = "multi_thread")]
async fn what_runs_and_does_not_answer_its_probe_is_named() {
    let text = |probe: &str| {
        let component = guest("versioned");
        format!(
            "[services.a]\ncomponent = \"{component}\"\nhttp = {{ listen = '127.0.0.1:0' }}\nswap = {{ probe = '{probe}' }}\n"
        )
    };
    let manifest = ManifestFile::new(&[text("/"), text("/nowhere").replace("[services.a]", "[services.b]")].concat());
    let mut host = Process::run(&manifest);
    let says = |line: &serde_json::Value| {
        line["level"] == "WARN" && line["message"].as_str().is_some_and(|text| text.contains("swap.probe"))
    };
    let line = host.line("the probe's answer", says).await;
    assert_eq!(line["service"], "b", "{line}");
    let reason = "probed: /nowhere answered 404 Not Found, which is no 2xx";
    assert!(line["message"].as_str().unwrap().contains(reason), "{line}");
    host.client("b").await.get("/").await.expect(200);
    host.signal(Signal::TERM);
    host.end().await.expect(0);
}

/// Nothing listens on port 1.
#[tokio::test(flavor = "multi_thread")]
async fn backends_that_are_away_are_named_and_waited_for() {
    let (users, admin) = (component("users"), format!("127.0.0.1:{}", free_port()));
    let grants = "grants.postgres.users = { database = 'usersdb' }\ngrants.redis = { write = ['user:*'] }";
    let more = format!(
        "{HTTP}\n{grants}\nlimits = {{ call-timeout = '500ms' }}\n[admin]\ntoken = 'for-tests'\nlisten = '{admin}'"
    );
    let manifest = service(&users, &more);
    let mut host = Process::run(&manifest);
    for (backend, key) in [
        ("the database \"usersdb\": 127.0.0.1:1: Connection refused", "`url` under [backends.postgres]"),
        ("Redis: ", "`url` under [backends.redis]"),
        ("Kafka does not answer", "`brokers` under [backends.kafka]"),
    ] {
        let says = |line: &serde_json::Value| {
            line["level"] == "WARN"
                && line["message"].as_str().is_some_and(|text| text.contains(backend) && text.contains(key))
        };
        host.line(backend, says).await;
    }
    host.client("users").await.get("/healthz").await.problem(503);
    let admin = host.client("the admin port").await;
    assert_eq!(admin.get("/healthz").await.status, 200);
    let missing = admin.get("/readyz").await;
    missing.expect(503);
    assert_eq!(missing.json()["missing"].as_array().unwrap().len(), 4, "{missing:?}");
    let asked = command(&["ready", "--manifest", manifest.path()], &[]).await;
    assert!(asked.expect(69).starts_with("componentd: not ready: "), "{asked:?}");
    host.signal(Signal::TERM);
    host.end().await.expect(0);
}
