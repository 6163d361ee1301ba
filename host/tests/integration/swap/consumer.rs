//! Fifty swaps of a consumer under load: every record is handled, in order, and none is skipped.

use componentd::{Host, Manifest};

use super::bytes;
use super::versions::variant;
use crate::support::client::Client;
use crate::support::kafka::{PARTITIONS, Topic};
use crate::support::lanes::{Lanes, OK};
use crate::support::process::ManifestFile;
use crate::support::wait::until;

const SWAPS: u8 = 50;
const RECORDS: i64 = 150;

async fn start(lanes: &Lanes) -> (Host, ManifestFile) {
    let echo = lanes.echo("echo.wasm", "");
    let manifest = ManifestFile::new(&format!("[host]\nstate = 'state'\n[admin]\nlisten = '127.0.0.1:0'\n{echo}"));
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
    let (host, _manifest) = start(&lanes).await;
    let admin = Client::new(host.admin_address().unwrap());
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
