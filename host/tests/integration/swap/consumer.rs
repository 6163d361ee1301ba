//! Swaps of a consumer under load: every record is handled, in order, and none is skipped; a canary has its share.

use componentd::{Host, Manifest};

use super::bytes;
use super::versions::variant;
use crate::support::host::admin;
use crate::support::kafka::{PARTITIONS, Topic, header};
use crate::support::lanes::{Lanes, OK};
use crate::support::process::ManifestFile;
use crate::support::wait::until;

const SWAPS: u8 = 50;
const RECORDS: i64 = 150;

async fn start(lanes: &Lanes, settings: &str) -> (Host, ManifestFile) {
    let echo = lanes.echo("echo.wasm", "");
    let manifest = ManifestFile::new(&format!(
        "[host]\nstate = 'state'\n[admin]\ntoken = 'for-tests'\nlisten = '127.0.0.1:0'\n{echo}\n{settings}"
    ));
    std::fs::write(manifest.folder.path().join("echo.wasm"), bytes("kafka-echo")).unwrap();
    let host = Host::start(Manifest::load(manifest.path().as_ref()).unwrap()).await.unwrap();
    (host, manifest)
}

async fn produce_all(topic: Topic) {
    for _ in 0..RECORDS {
        for partition in 0..PARTITIONS {
            topic.produce(partition, OK).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_handled_once_and_in_order_across_fifty_swaps() {
    let lanes = Lanes::create().await;
    let (host, _manifest) = start(&lanes, "").await;
    let admin = admin(&host);
    let load = tokio::spawn(produce_all(lanes.topic.clone()));
    for swap in 0..SWAPS {
        let component = variant(&bytes("kafka-echo"), swap % 2);
        admin.send(admin.request(http::Method::POST, "/services/echo/versions", component)).await.expect(200);
    }
    load.await.unwrap();
    let all: Vec<String> = (0..RECORDS).map(|offset| offset.to_string()).collect();
    for partition in 0..PARTITIONS {
        until(&format!("all of partition {partition} is handled"), async || {
            (lanes.handled(partition).await.split(',').count() >= all.len()).then_some(())
        })
        .await;
        assert_eq!(lanes.handled(partition).await, all.join(","));
    }
    host.stop().await;
}

/// Rejected records of each partition; each is one attempt.
const REJECTED: usize = 50;
const REJECT: &str = r#"{"do":"reject"}"#;

/// The version that has rejected each record so far, as the dead letters name them.
async fn rejected_by(lanes: &Lanes, count: usize) -> Vec<String> {
    let letters = lanes.letters.wait_for(count).await;
    letters.iter().map(|letter| header(letter, "dead-letter-version").unwrap()).collect()
}

/// Records take turns like requests that cannot be told apart, also where partitions are handled at the same time: of any
/// hundred attempts in a row the canary has its percentage.
#[tokio::test(flavor = "multi_thread")]
async fn a_canary_handles_exactly_its_share_of_the_records() {
    let lanes = Lanes::create().await;
    let (host, _manifest) = start(&lanes, "swap = { canary = '30% for 1h' }").await;
    lanes.topic.produce(0, REJECT).await;
    let live = rejected_by(&lanes, 1).await.remove(0);
    let of_canary = |versions: Vec<String>| versions.iter().filter(|version| **version != live).count();

    let admin = admin(&host);
    let upload = admin.request(http::Method::POST, "/services/echo/versions", variant(&bytes("kafka-echo"), 1));
    tokio::spawn(async move { admin.try_send(upload).await.map(|_| ()).map_err(|error| error.to_string()) });
    let mut before = 1;
    let first = until("the canary has records", async || {
        lanes.topic.produce(0, REJECT).await;
        before += 1;
        Some(of_canary(rejected_by(&lanes, before).await)).filter(|count| *count > 0)
    })
    .await;
    for _ in 0..REJECTED {
        for partition in 0..PARTITIONS {
            lanes.topic.produce(partition, REJECT).await;
        }
    }
    let all = REJECTED * usize::try_from(PARTITIONS).unwrap();
    assert_eq!(of_canary(rejected_by(&lanes, before + all).await) - first, all * 30 / 100);
}
