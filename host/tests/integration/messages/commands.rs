//! What the commands say that ask a running host.

use super::{expect, tidy};
use crate::support::files::guest;
use crate::support::host::free_port;
use crate::support::process::{Ended, ManifestFile, Process, command};

/// Two services, one of which consumes a topic, and an admin port.
fn manifest(admin: &str) -> ManifestFile {
    manifest_of(admin, "127.0.0.1:1")
}

fn manifest_with_brokers(brokers: &str) -> ManifestFile {
    manifest_of("", brokers)
}

fn manifest_of(admin: &str, brokers: &str) -> ManifestFile {
    let (hello, echo) = (guest("hello"), guest("kafka-echo"));
    ManifestFile::new(&format!(
        r#"
{admin}
[host]
state = "state"

[backends]
redis = {{ url = "redis://127.0.0.1:1" }}
kafka = {{ brokers = "{brokers}" }}

[services.orders]
component = "{hello}"
http = {{ listen = "127.0.0.1:0" }}

[services.users]
component = "{hello}"
http = {{ listen = "127.0.0.1:0" }}

[services.mails]
component = "{echo}"
kafka = {{ topic = "t", group = "g", dead-letter = "d" }}
grants.redis = {{}}
"#
    ))
}

async fn ask(manifest: &ManifestFile, arguments: &[&str]) -> Ended {
    command(&[arguments, &["--manifest", manifest.path()]].concat(), &[]).await
}

async fn refused(name: &str, manifest: &ManifestFile, arguments: &[&str], code: i32) {
    let ended = ask(manifest, arguments).await;
    expect(&format!("command/{name}"), &tidy(ended.expect(code), manifest));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_for_a_host_without_an_admin_port() {
    refused("no-admin", &manifest(""), &["status"], 64).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_of_a_service_that_has_none() {
    let manifest = manifest("");
    refused("dead-letters-of-an-unknown-service", &manifest, &["dead-letters", "list", "mail"], 64).await;
    refused("dead-letters-of-a-listener", &manifest, &["dead-letters", "list", "orders"], 64).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_and_versions_that_there_are_not() {
    let manifest = manifest(&format!("[admin]\ntoken = 'for-tests'\nlisten = '127.0.0.1:{}'", free_port()));
    let mut host = Process::run(&manifest);
    host.ready().await;
    refused("history-of-an-unknown-service", &manifest, &["history", "order"], 65).await;
    refused("rollback-of-an-unknown-service", &manifest, &["rollback", "billing"], 65).await;
    refused("swap-of-an-unknown-service", &manifest, &["swap", "user", &guest("hello")], 65).await;
    refused("swap-of-an-absent-file", &manifest, &["swap", "users", "/absent.wasm"], 66).await;
    refused("rollback-without-an-earlier-version", &manifest, &["rollback", "users"], 65).await;
    refused("rollback-to-an-unknown-version", &manifest, &["rollback", "users", "abc"], 65).await;
    host.signal(rustix::process::Signal::TERM);
    host.end().await.expect(0);
}

/// The embedded broker makes topics that a producer asks for by name; the host asks for none.
#[tokio::test(flavor = "multi_thread")]
async fn topics_that_the_brokers_do_not_know() {
    let kafka = dev_backends::EmbeddedKafka::start().unwrap();
    let manifest = manifest_with_brokers(&kafka.url());
    let mut host = Process::run(&manifest);
    for topic in ["t", "d"] {
        let is_it = format!("Kafka does not know the topic {topic:?}");
        let line = host.line(&is_it, |line| line["message"].as_str().is_some_and(|text| text.contains(&is_it))).await;
        assert_eq!(line["level"], "WARN");
        expect(&format!("command/unknown-topic-{topic}"), &tidy(line["message"].as_str().unwrap(), &manifest));
    }
}
