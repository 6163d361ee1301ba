//! A version that cannot be is treated alike wherever it comes from: by a start, a swap or an edit of the manifest.

use std::fs;

use serde_json::Value;

use super::versions::Mark;
use super::{Slot, component, manifest};
use crate::support::process::{ManifestFile, Process};
use crate::support::wait::until;

/// The same component, in a file that an edited manifest names.
const OTHER: &str = "other.wasm";

/// Names another file in the manifest, and waits for what came of it.
async fn edit(slot: &Slot, settings: &str, version: Mark) -> Value {
    let before = slot.outcomes().await.len();
    fs::write(slot.manifest.folder.path().join(OTHER), version.component()).unwrap();
    fs::write(slot.manifest.path(), manifest(settings).replace("slot.wasm", OTHER)).unwrap();
    until("the edit is decided", async || slot.outcomes().await.get(before).cloned()).await
}

/// A running service refuses it at this step, for this reason, by a swap and by an edit.
async fn is_refused_while_another_runs(settings: &str, version: Mark, step: &str, reason: &str) {
    let slot = Slot::start(Mark::good(1), settings).await;
    let refusal = slot.upload(version.component()).await.problem(422);
    let detail = refusal["detail"].as_str().unwrap();
    assert!(detail.starts_with(&format!("not {step}: ")) && detail.contains(reason), "{detail}");
    let outcome = edit(&slot, settings, version).await;
    let rejected = &outcome["rejected"];
    assert!(rejected["step"] == step && rejected["reason"].as_str().unwrap().contains(reason), "{outcome}");
    assert_eq!(slot.answer().await, "0001");
    slot.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_traps_when_it_is_instantiated_is_never_live() {
    let version = Mark(2, "init");
    let manifest = ManifestFile::new(&manifest(""));
    fs::write(component(&manifest), version.component()).unwrap();
    let refused = Process::run(&manifest).end().await;
    let refused = refused.expect(65);
    assert!(refused.contains("services.slot.component: not instantiated: the component trapped"), "{refused}");
    is_refused_while_another_runs("", version, "instantiated", "the component trapped").await;
}

/// Toolchains run constructors with the first call, so only a probe finds it; at a start it is looked at once all run.
#[tokio::test(flavor = "multi_thread")]
async fn a_component_whose_constructor_panics_does_not_pass_its_probe() {
    let (version, probed) = (Mark(2, "ctor"), "swap.probe = '/'");
    is_refused_while_another_runs(probed, version, "probed", "as the mark says").await;
    let manifest = ManifestFile::new(&manifest(probed));
    fs::write(component(&manifest), version.component()).unwrap();
    let mut host = Process::run(&manifest);
    let said = "what runs would not pass as a new version";
    let is_said = |line: &Value| line["message"].as_str().is_some_and(|message| message.starts_with(said));
    let line = host.line("it is said", is_said).await;
    assert!(line["message"].as_str().unwrap().contains("as the mark says"), "{line}");
}

/// What runs stays, where something runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_cannot_be_kept_takes_the_place_of_none() {
    let slot = Slot::start(Mark::good(1), "").await;
    cannot_be_kept(&slot.manifest);
    let refusal = slot.upload(Mark::good(2).component()).await.problem(422);
    assert!(refusal["detail"].as_str().unwrap().starts_with("not archived: "), "{refusal}");
    let outcome = edit(&slot, "", Mark::good(2)).await;
    assert_eq!(outcome["rejected"]["step"], "archived", "{outcome}");
    assert_eq!(slot.answer().await, "0001");
    slot.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_start_what_cannot_be_kept_runs_and_that_is_said() {
    let manifest = ManifestFile::new(&manifest(""));
    fs::write(component(&manifest), Mark::good(1).component()).unwrap();
    cannot_be_kept(&manifest);
    let mut host = Process::run(&manifest);
    host.ready().await;
    assert_eq!(host.client("slot").await.get("/").await.expect(200), "0001");
    let said = host.line("it is said", |line| line["message"] == "this version ends with the process").await;
    assert!(said["error"].as_str().unwrap().contains("make room in the state folder"), "{said}");
}

/// A file where the folder of versions would be: also root cannot write there.
fn cannot_be_kept(manifest: &ManifestFile) {
    let service = manifest.folder.path().join("state/services/slot");
    let _ = fs::remove_dir_all(service.join("versions"));
    fs::create_dir_all(&service).unwrap();
    fs::write(service.join("versions"), "").unwrap();
}
