//! Versions that must not go live, or not stay.

use serde_json::json;

use super::versions::Mark;
use super::{Slot, bytes, manifest, serve};
use crate::support::process::ManifestFile;
use crate::support::servers::{new_database, postgres};
use crate::support::wait::until;

const WATCHED: &str = "swap = { failure-rate = 0.2, watch-requests = 1000, watch = '60s' }
                       limits = { cpu = '50ms', memory = '16MiB' }";

/// Brings up a version that does so with every request, and asks until the old one is back.
async fn is_rolled_back(mode: &'static str) {
    let slot = Slot::start(Mark::good(1), WATCHED).await;
    slot.upload(Mark(2, mode).component()).await.expect(200);
    let mut spent = 0;
    until("the old version is back", async || {
        let reply = slot.client().get("/").await;
        spent += u32::from(reply.status >= 500);
        (reply.status == 200 && reply.text() == "0001").then_some(())
    })
    .await;
    println!("{mode}: {spent} requests failed before the old version was back");
    assert!(spent <= 50, "{mode}: {spent} failures");
    let rolled_back = until("the history says so", async || match slot.outcomes().await.as_slice() {
        [.., rolled_back, last] if last == "live" && rolled_back.is_object() => Some(rolled_back.clone()),
        _ => None,
    })
    .await;
    assert!(rolled_back["rolled-back"]["reason"].as_str().unwrap().contains("failed"), "{rolled_back}");
    // A restart does not try it again.
    let slot = slot.restart().await;
    assert_eq!(slot.answer().await, "0001");
    slot.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_traps_is_rolled_back() {
    is_rolled_back("trap").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_loops_is_rolled_back() {
    is_rolled_back("spin").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_answers_500_is_rolled_back() {
    is_rolled_back("fail").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_allocates_without_end_is_rolled_back() {
    is_rolled_back("grow").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_fails_is_never_live() {
    let slot = Slot::start(Mark::good(1), "swap = { canary = '50% for 60s' }").await;
    let (upload, admin) = (Mark(2, "trap").component(), slot.admin());
    let upload = admin.request(http::Method::POST, "/services/slot/versions", upload);
    let upload = tokio::spawn(async move { admin.send(upload).await });
    until("the canary is refused", async || {
        let reply = slot.client().get("/").await;
        assert!(reply.status == 500 || reply.text() == "0001", "{reply:?}");
        upload.is_finished().then_some(())
    })
    .await;
    let refusal = upload.await.unwrap().problem(422);
    assert!(refusal["detail"].as_str().unwrap().starts_with("not canary: "), "{refusal}");
    assert_eq!(slot.answer().await, "0001");
    slot.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_does_well_goes_live() {
    let slot = Slot::start(Mark::good(1), "swap = { canary = '50% for 1s' }").await;
    slot.upload(Mark::good(2).component()).await.expect(200);
    assert_eq!(slot.answer().await, "0002");
    slot.host.stop().await;
}

/// Uploads what is refused: the step, and what is said of it.
async fn is_refused(slot: &Slot, component: Vec<u8>, step: &str, says: &[&str]) {
    let refusal = slot.upload(component).await.problem(422);
    let detail = refusal["detail"].as_str().unwrap();
    assert!(detail.starts_with(&format!("not {step}: ")), "{detail}");
    assert!(says.iter().all(|part| detail.contains(part)), "{detail}");
    assert_eq!(slot.answer().await, "0001");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_names_the_step_and_the_mend() {
    let slot = Slot::start(Mark::good(1), "swap = { probe = '/' }").await;
    is_refused(&slot, b"no component".to_vec(), "compiled", &["no WebAssembly component"]).await;
    let half = Mark::good(2).component();
    is_refused(&slot, half[..half.len() / 2].to_vec(), "compiled", &["no WebAssembly component"]).await;
    let handler = "does not export wasi:http/incoming-handler";
    is_refused(&slot, bytes("kafka-echo"), "checked", &[handler]).await;
    let grants = ["grants.postgres", "grants.redis", "grants.kafka", "grants.http", "[services.slot]"];
    is_refused(&slot, bytes("probe"), "checked", &grants).await;
    is_refused(&slot, Mark(2, "fail").component(), "probed", &["/ answered 500"]).await;
    is_refused(&slot, Mark(2, "trap").component(), "probed", &["trapped"]).await;
    let outcomes = slot.outcomes().await;
    assert_eq!(outcomes.len(), 7, "{outcomes:?}");
    assert_eq!(outcomes[0], json!("live"));
    assert!(outcomes[1..].iter().all(|outcome| outcome["rejected"].is_object()), "{outcomes:?}");
    slot.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_says_which_answer_it_expects() {
    for (probe, says) in [
        ("{ path = '/', status = 404 }", "/ answered 200 OK, not 404"),
        ("{ path = '/nowhere' }", "/nowhere answered 404 Not Found, which is no 2xx"),
        ("{ path = '/', body-contains = '0003' }", "/ answered 200 OK without \"0003\" in the body"),
    ] {
        let slot = Slot::start(Mark::good(1), &format!("swap = {{ probe = {probe} }}")).await;
        is_refused(&slot, Mark::good(2).component(), "probed", &[says]).await;
        slot.host.stop().await;
    }
    let slot =
        Slot::start(Mark::good(1), "swap = { probe = { path = '/', status = 200, body-contains = '0003' } }").await;
    slot.upload(Mark::good(3).component()).await.expect(200);
    assert_eq!(slot.answer().await, "0003");
    slot.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_whose_migration_fails_leaves_the_old_one_live() {
    let (postgres, database) = (postgres().await, new_database(postgres().await, "slot").await);
    let grant = format!("grants.postgres.main = {{ database = '{database}', migrations = 'migrations' }}");
    let backend = format!("[backends]\npostgres = {{ url = '{postgres}' }}\n");
    let manifest = ManifestFile::new(&(backend + manifest(&grant).as_str()));
    let migrations = manifest.folder.path().join("migrations");
    std::fs::create_dir(&migrations).unwrap();
    let slot = Slot { host: serve(&manifest, Mark::good(1)).await, manifest };
    let migration = migrations.join("0001_marks.sql");
    std::fs::write(&migration, "create tabel marks ()").unwrap();
    is_refused(&slot, Mark::good(2).component(), "migrated", &["syntax error", &database]).await;
    std::fs::write(&migration, "create table marks ()").unwrap();
    slot.upload(Mark::good(2).component()).await.expect(200);
    assert_eq!(slot.answer().await, "0002");
    slot.host.stop().await;
}
