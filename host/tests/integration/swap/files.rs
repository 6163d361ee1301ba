//! Swaps by files: the component's, the manifest's, and what a restart makes of them.

use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use super::versions::Mark;
use super::{Slot, component, manifest};
use crate::messages::{expect, tidy};
use crate::support::client::Client;
use crate::support::process::{ManifestFile, Process};
use crate::support::wait::until;

async fn until_it_answers(slot: &Slot, version: &str) {
    until(&format!("{version} is live"), async || (slot.answer().await == version).then_some(())).await;
}

fn rename_over(path: &Path, bytes: &[u8]) {
    let part = path.with_extension("part");
    fs::write(&part, bytes).unwrap();
    fs::rename(part, path).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_replaced_goes_live_by_its_content() {
    let slot = Slot::start(Mark::good(1), "").await;
    fs::write(slot.component(), Mark::good(2).component()).unwrap();
    let written = Instant::now();
    until_it_answers(&slot, "0002").await;
    println!("from file written to first answer: {:?} for a new version,", written.elapsed());
    fs::write(slot.component(), Mark::good(1).component()).unwrap();
    let written = Instant::now();
    until_it_answers(&slot, "0001").await;
    println!("{:?} for one that is in the cache", written.elapsed());
    rename_over(&slot.component(), &Mark::good(3).component());
    until_it_answers(&slot, "0003").await;
    // The same content again, with another time: nothing to do.
    rename_over(&slot.component(), &Mark::good(3).component());
    let component = Mark::good(4).component();
    fs::write(slot.component(), &component[..component.len() / 2]).unwrap();
    until("the half is refused", async || {
        slot.outcomes().await.last().is_some_and(|last| last["rejected"]["step"] == "compiled").then_some(())
    })
    .await;
    assert_eq!(slot.answer().await, "0003");
    fs::write(slot.component(), component).unwrap();
    until_it_answers(&slot, "0004").await;
    assert_eq!(slot.outcomes().await.len(), 6, "start, 2, 1, 3, the half, 4");
    slot.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_comes_back_with_what_was_live() {
    let slot = Slot::start(Mark::good(1), "").await;
    slot.upload(Mark::good(2).component()).await.expect(200);
    let slot = slot.restart().await;
    assert_eq!(slot.answer().await, "0002", "the upload is the later decision");
    let admin = slot.admin();
    let rollback = admin.request(http::Method::POST, "/services/slot/rollback", "");
    admin.send(rollback).await.expect(200);
    assert_eq!(slot.answer().await, "0001");
    corrupt_the_compile_cache(slot.manifest.folder.path());
    let slot = slot.restart().await;
    assert_eq!(slot.answer().await, "0001", "compiled again");
    fs::write(slot.component(), Mark::good(3).component()).unwrap();
    until_it_answers(&slot, "0003").await;
    slot.host.stop().await;
}

/// A host as a process, which runs the first version.
async fn process() -> (Process, ManifestFile) {
    let manifest = ManifestFile::new(&manifest(""));
    fs::write(component(&manifest), Mark::good(1).component()).unwrap();
    let mut host = Process::run(&manifest);
    host.ready().await;
    (host, manifest)
}

/// Gone, a folder in its place, and there again.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_is_said_once_for_each_change() {
    let (mut host, manifest) = process().await;
    let (component, client) = (component(&manifest), host.client("slot").await);
    let unreadable = |line: &Value| line["level"] == "WARN" && line["message"] == "the live version runs on";
    let says =
        |reason: &'static str| move |line: &Value| unreadable(line) && line["reason"].to_string().contains(reason);
    fs::remove_file(&component).unwrap();
    let gone = host.line("that it is gone", says("No such file")).await;
    expect("component/gone-while-it-runs", &tidy(gone["reason"].as_str().unwrap(), &manifest));
    fs::create_dir(&component).unwrap();
    host.line("that it is a folder", says("Is a directory")).await;
    client.get("/").await.expect(200);
    fs::remove_dir(&component).unwrap();
    rename_over(&component, &Mark::good(2).component());
    let is_back = |line: &Value| line["level"] == "INFO" && line["message"] == "the component can be read again";
    host.line("that it is back", is_back).await;
    until("the new one is live", async || (client.get("/").await.expect(200) == "0002").then_some(())).await;
    let said = |reason: &'static str| host.log().iter().filter(|line| says(reason)(line)).count();
    assert_eq!(said("Is a directory"), 1, "{:?}", host.log());
}

/// The file's stamp stays as it is when this ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_could_not_be_read_for_a_while_goes_live_after_it() {
    let (mut host, manifest) = process().await;
    let (component, client) = (component(&manifest), host.client("slot").await);
    host.limit_open_files(0);
    rename_over(&component, &Mark::good(2).component());
    let is_said = |line: &Value| line["message"] == "the live version runs on";
    let said = host.line("that it cannot be read", is_said).await;
    expect("component/too-many-open-files", &tidy(said["reason"].as_str().unwrap(), &manifest));
    host.limit_open_files(1024);
    until("the new one is live", async || (client.get("/").await.expect(200) == "0002").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_is_gone_is_said_and_changes_nothing() {
    let (mut host, file) = process().await;
    fs::remove_file(file.path()).unwrap();
    let is_said =
        |line: &Value| line["level"] == "WARN" && line["message"] == "the manifest is not applied; nothing has changed";
    let said = host.line("that it is gone", is_said).await;
    expect("manifest/gone-while-it-runs", &tidy(said["reason"].as_str().unwrap(), &file));
    host.client("slot").await.get("/").await.expect(200);
    fs::write(file.path(), manifest("")).unwrap();
    let is_back = "the manifest says what runs already; nothing has changed";
    host.line("that it is back", |line| line["message"] == is_back).await;
}

fn corrupt_the_compile_cache(folder: &Path) {
    for entry in fs::read_dir(folder.join("state/compiled")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_manifest_is_applied_to_what_it_changes() {
    let slot = Slot::start(Mark(1, "slow"), "").await;
    let path = Path::new(slot.manifest.path());
    fs::write(path, manifest("limits = { timeout = '200ms' }")).unwrap();
    until("the new limit holds", async || (slot.client().get("/").await.status == 504).then_some(())).await;
    let second = r#"
        [services.second]
        component = "slot.wasm"
        http = { listen = "127.0.0.1:0" }
    "#;
    fs::write(path, manifest("") + second).unwrap();
    until("the second service is there", async || slot.host.address("second")).await;
    fs::write(path, manifest("")).unwrap();
    until("the second service is gone", async || slot.host.address("second").is_none().then_some(())).await;
    slot.host.stop().await;
}

/// The process of the tests has variables of its own, and passes none of them on.
#[tokio::test(flavor = "multi_thread")]
async fn a_component_sees_the_environment_of_its_manifest_and_nothing_else() {
    let slot = Slot::start(Mark::good(1), "env = { GREETING = 'a=b', EMPTY = '', HOME_OF = '${HOME:-}' }").await;
    let environment = async || slot.client().get("/env").await.json();
    let home = std::env::var("HOME").unwrap_or_default();
    assert_eq!(environment().await, json!({ "GREETING": "a=b", "EMPTY": "", "HOME_OF": home }));
    fs::write(slot.manifest.path(), manifest("env = { GREETING = 'hi' }")).unwrap();
    let edited = json!({ "GREETING": "hi" });
    until("the edit holds", async || (environment().await == edited).then_some(())).await;
    fs::write(slot.manifest.path(), manifest("")).unwrap();
    until("it has none", async || (environment().await == json!({})).then_some(())).await;
    slot.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_edits_and_swaps_that_race_the_last_written_wins() {
    let slot = Slot::start(Mark::good(1), "").await;
    let path = Path::new(slot.manifest.path());
    for version in 2..=4 {
        let before = slot.outcomes().await.len();
        rename_over(&slot.component(), &Mark::good(version).component());
        if version < 4 {
            fs::write(path, manifest(&format!("limits = {{ rows = {version} }}"))).unwrap();
        }
        // The first of the two that goes live, while the other may be under way.
        until("one of both is live", async || (slot.outcomes().await.len() > before).then_some(())).await;
    }
    until_it_answers(&slot, "0004").await;
    // Whatever was under way when it went live is over after the next swap, which waits its turn.
    slot.upload(Mark::good(4).component()).await.expect(200);
    assert_eq!(slot.answer().await, "0004");
    slot.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_api_asks_for_its_token() {
    let slot = Slot::start(Mark::good(1), "").await;
    let text = manifest("").replace("for-tests", "secret").replace("[admin]", "[admin]\n        max-upload = \"1KiB\"");
    fs::write(slot.manifest.path(), text).unwrap();
    let slot = slot.restart().await;
    let admin = slot.admin();
    let without = Client::new(admin.address);
    without.get("/healthz").await.expect(200);
    without.get("/services").await.problem(401);
    let ask = |method, path: &str, token: &str, body: Vec<u8>| {
        let mut request = admin.request(method, path, body);
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        admin.send(request)
    };
    ask(http::Method::GET, "/services", "Secret", Vec::new()).await.problem(401);
    let services = ask(http::Method::GET, "/services", "secret", Vec::new()).await.json();
    assert_eq!((&services[0]["name"], &services[0]["ready"]), (&"slot".into(), &true.into()));
    ask(http::Method::POST, "/services/slot/versions", "secret", vec![0; 2048]).await.problem(413);
    ask(http::Method::POST, "/services/other/versions", "secret", Vec::new()).await.problem(404);
    ask(http::Method::DELETE, "/services", "secret", Vec::new()).await.problem(405);
    slot.host.stop().await;
}
