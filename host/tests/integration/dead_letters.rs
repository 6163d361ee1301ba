//! `componentd dead-letters`: what was not handled is seen, sent back, or dropped.

use rdkafka::Message;

use crate::support::files::guest;
use crate::support::host::start;
use crate::support::kafka::Topic;
use crate::support::process::{Ended, ManifestFile, command};
use crate::support::servers::{is_real_kafka, kafka, redis};
use crate::support::unique;

struct Letters {
    text: String,
    manifest: ManifestFile,
    topic: Topic,
    letters: Topic,
}

impl Letters {
    async fn create() -> Self {
        let (topic, letters) =
            (Topic::create(kafka().await, "work").await, Topic::create(kafka().await, "letters").await);
        let (kafka, redis, component, group) =
            (kafka().await.brokers(), redis().await, guest("kafka-echo"), unique("group"));
        let (work, dead) = (&topic.name, &letters.name);
        let text = format!(
            r#"
            [backends]
            redis = {{ url = "{redis}" }}
            kafka = {{ brokers = "{kafka}" }}

            [services.echo]
            component = "{component}"
            kafka = {{ topic = "{work}", group = "{group}", dead-letter = "{dead}" }}
            grants.redis = {{ read = ["handled:*"], write = ["handled:*"] }}
            "#
        );
        Self { manifest: ManifestFile::new(&text), text, topic, letters }
    }

    /// The lines that the command says, one a letter.
    async fn run(&self, arguments: &[&str]) -> Vec<String> {
        let ended = self.command(arguments).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout.lines().map(str::to_owned).collect()
    }

    async fn command(&self, arguments: &[&str]) -> Ended {
        let arguments = [&["dead-letters"], arguments, &["--manifest", self.manifest.path()]].concat();
        command(&arguments, &[]).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_listed_sent_back_and_dropped() {
    let letters = Letters::create().await;
    let host = start(&letters.text).await;
    for _ in 0..3 {
        letters.topic.produce(2, r#"{"do":"reject"}"#).await;
    }
    letters.letters.wait_for(3).await;
    let listed = letters.run(&["list", "echo"]).await;
    assert_eq!(listed.len(), 3);
    let from = format!("from {}/2/0  attempts 1  sha256:", letters.topic.name);
    assert!(listed.iter().any(|line| line.contains(&from)), "{listed:?}");
    assert_eq!(letters.run(&["list", "echo"]).await, listed, "listing changes nothing");
    assert_eq!(letters.run(&["retry", "echo", "--count", "1"]).await.len(), 1);
    // It is rejected again, and so a letter again.
    letters.letters.wait_for(4).await;
    assert_eq!(letters.run(&["list", "echo"]).await.len(), 3);
    assert_eq!(letters.run(&["drop", "echo"]).await.len(), 3);
    assert!(letters.run(&["list", "echo"]).await.is_empty());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_that_were_deleted_before_anybody_dealt_with_them_are_told_of() {
    if !is_real_kafka("letters_that_were_deleted").await {
        return;
    }
    let letters = Letters::create().await;
    let host = start(&letters.text).await;
    for _ in 0..5 {
        letters.topic.produce(2, r#"{"do":"reject"}"#).await;
    }
    // The key of all of them is the same, and so they are in one partition.
    let partition = letters.letters.wait_for(5).await.remove(0).partition();
    assert_eq!(letters.run(&["drop", "echo", "--count", "1"]).await.len(), 1);
    letters.letters.delete_records(partition, 3).await;
    let ended = letters.command(&["list", "echo"]).await;
    assert_eq!(ended.stdout.lines().filter(|line| line.contains("  from ")).count(), 2, "{ended:?}");
    assert!(
        ended.stderr.contains("the broker has deleted 2 records that were not handled, the offsets 1 to 2"),
        "{ended:?}"
    );
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_letters_is_named() {
    let letters = Letters::create().await;
    let said = letters.command(&["list", "other"]).await.expect(64).to_owned();
    assert!(said.contains("called \"other\"; there are: echo"), "{said}");
}
