//! What versions have taken of the machine is given back when they are gone: after hundreds of them, under load, the
//! host has the threads, descriptors and memory that it had after the first few.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;

use super::bytes;
use super::versions::{Mark, variant};
use crate::support::client::Client;
use crate::support::footprint::Footprint;
use crate::support::kafka::{PARTITIONS, Topic};
use crate::support::lanes::{Lanes, OK};
use crate::support::process::{ManifestFile, Process};
use crate::support::wait::until;

/// Each round is a swap of a listener's component and one of a consumer's, both to content that there was never before.
const WARM_UP: u8 = 15;
const ROUNDS: u8 = 100;

/// Requests at a time, on connections that are kept and on new ones.
const KEEP_ALIVE: usize = 6;
const NEW_CONNECTIONS: usize = 2;

/// What may be more after all rounds than after the warm-up: a few versions' worth of each, but for the memory, of
/// which the allocator keeps some MiB more or less. For each swap, a version that is kept has a descriptor and most of
/// a MiB: 190, and 150 MiB. An instance that is kept has a place of the pool, which is full before the warm-up ends.
/// The runtime's threads for blocking work come and go.
const SLACK: Footprint = Footprint { threads: 4, descriptors: 20, mappings: 100, resident: 48 };

/// A host of its own process with both kinds of services.
struct Pair {
    host: Process,
    slot: Client,
    admin: Client,
    topic: Topic,
    /// Versions that have been put in; each put another one out.
    swaps: usize,
    _manifest: ManifestFile,
}

impl Pair {
    async fn start() -> Self {
        let lanes = Lanes::create().await;
        let manifest = manifest(&lanes);
        let mut host = Process::run(&manifest);
        host.ready().await;
        let (slot, admin) = (host.client("slot").await, host.client("the admin port").await);
        Self { host, slot, admin, topic: lanes.topic, swaps: 0, _manifest: manifest }
    }

    async fn upload(&self, service: &str, component: Vec<u8>) {
        let path = format!("/services/{service}/versions");
        self.admin.send(self.admin.request(http::Method::POST, &path, component)).await.expect(200);
    }

    /// Two swaps, and a record for each partition meanwhile.
    async fn round(&mut self, number: u8) {
        let records = async {
            for partition in 0..PARTITIONS {
                self.topic.produce(partition, OK).await;
            }
        };
        let swaps = async {
            self.upload("slot", Mark::good(number.into()).component()).await;
            self.upload("echo", variant(&bytes("kafka-echo"), number)).await;
        };
        tokio::join!(records, swaps);
        self.swaps += 2;
    }

    async fn until_all_are_gone(&self) {
        let gone = || self.host.said().1.matches(r#""message":"gone""#).count();
        until("all old versions are gone", async || (gone() == self.swaps).then_some(())).await;
    }
}

/// So few instances that each place of the pool, whose regions stay mapped, has been taken when the warm-up ends.
///
/// The watch over a version would last for hours: it must end with the version, since it holds the one before.
fn manifest(lanes: &Lanes) -> ManifestFile {
    let (echo, watch) = (lanes.echo("echo.wasm", ""), "swap = { watch = '8h', watch-requests = 1_000_000_000 }");
    let manifest = ManifestFile::new(&format!(
        r#"
        [host]
        state = "state"
        instances = 64

        [admin]
        token = 'for-tests'
        listen = "127.0.0.1:0"

        [services.slot]
        component = "slot.wasm"
        http = {{ listen = "127.0.0.1:0" }}
        {watch}
        {echo}
        {watch}
        "#
    ));
    std::fs::write(manifest.folder.path().join("slot.wasm"), Mark::good(9999).component()).unwrap();
    std::fs::write(manifest.folder.path().join("echo.wasm"), bytes("kafka-echo")).unwrap();
    manifest
}

async fn ask_again_and_again(mut client: Client, new_connections: bool, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        if new_connections {
            client = Client::new(client.address);
        }
        client.get("/twice").await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_versions_leave_nothing_behind() {
    let mut pair = Pair::start().await;
    let (stop, mut load) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    for number in 0..KEEP_ALIVE + NEW_CONNECTIONS {
        load.spawn(ask_again_and_again(pair.slot.clone(), number >= KEEP_ALIVE, stop.clone()));
    }
    for number in 0..WARM_UP {
        pair.round(number).await;
    }
    let warm = Footprint::of(&pair.host);
    for number in WARM_UP..WARM_UP + ROUNDS {
        pair.round(number).await;
    }
    stop.store(true, Ordering::Relaxed);
    load.join_all().await;
    pair.until_all_are_gone().await;
    warm.until_back(&pair.host, SLACK).await;
}
