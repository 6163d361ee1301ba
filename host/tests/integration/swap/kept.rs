//! What the state folder keeps, and that it is one host's alone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use super::versions::Mark;
use super::{Slot, component, manifest, run, serve};
use crate::messages::{expect, tidy};
use crate::support::process::{Ended, ManifestFile, Process, command};

/// With a line of `[host]`, and a probe that versions which fail do not pass.
fn kept(host: &str) -> String {
    let manifest = manifest("swap.probe = '/'");
    manifest.replace("[host]", &format!("[host]\n{host}"))
}

async fn start(host: &str) -> Slot {
    let manifest = ManifestFile::new(&kept(host));
    Slot { host: serve(&manifest, Mark::good(1)).await, manifest }
}

fn files(manifest: &ManifestFile, folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(manifest.folder.path().join("state").join(folder)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn size(files: &[PathBuf]) -> u64 {
    files.iter().map(|file| fs::metadata(file).unwrap().len()).sum()
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_live_is_kept_however_many_versions_are_refused_after_it() {
    let slot = start("keep-versions = 3").await;
    slot.upload(Mark::good(2).component()).await.expect(200);
    for version in 3..8 {
        slot.upload(Mark(version, "fail").component()).await.expect(422);
    }
    assert_eq!(files(&slot.manifest, "services/slot/versions").len(), 3);
    let slot = slot.restart().await;
    assert_eq!(slot.answer().await, "0002");
    slot.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_compile_cache_keeps_to_its_size_and_forgets_what_was_not_used_for_longest() {
    let slot = start("").await;
    slot.upload(Mark::good(2).component()).await.expect(200);
    let entries = files(&slot.manifest, "compiled");
    assert_eq!(entries.len(), 2);
    let room_for_two = size(&entries) + size(&entries) / 4;
    let Slot { host, manifest } = slot;
    host.stop().await;
    fs::write(manifest.path(), kept(&format!("cache-size = '{room_for_two}B'"))).unwrap();
    let slot = Slot { host: run(&manifest).await, manifest };
    // Used again, though it was compiled first.
    slot.upload(Mark::good(1).component()).await.expect(200);
    slot.upload(Mark::good(3).component()).await.expect(200);
    let now = files(&slot.manifest, "compiled");
    assert!(size(&now) <= room_for_two, "{now:?}");
    let digest = |version| sha256(&Mark::good(version).component());
    let is_there = |version| now.iter().any(|file| name(file).starts_with(&digest(version)));
    assert!(is_there(1) && !is_there(2) && is_there(3), "{now:?}");
    assert_eq!(slot.answer().await, "0003");
    slot.host.stop().await;
}

/// The hexadecimal digits of the SHA-256.
fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn refused(golden: &str, manifest: &ManifestFile, process: Option<u32>) {
    let ended: Ended = Process::run(manifest).end().await;
    let said = tidy(ended.expect(71), manifest);
    let said = process.map_or(said.clone(), |id| said.replace(&format!("process {id}:"), "process ID:"));
    expect(&format!("command/{golden}"), &said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_folder_is_one_hosts_alone_until_that_ends() {
    let manifest = ManifestFile::new(&kept(""));
    fs::write(component(&manifest), Mark::good(1).component()).unwrap();
    let mut first = Process::run(&manifest);
    first.ready().await;
    refused("state-in-use", &manifest, Some(first.id())).await;
    first.client("slot").await.get("/").await.expect(200);
    // What a write that is cut leaves behind.
    let scratch = manifest.folder.path().join("state/scratch");
    let (left, others) = (scratch.join(".part-left"), scratch.join("of-somebody-else"));
    fs::write(&left, "half").unwrap();
    fs::create_dir(&others).unwrap();
    first.signal(Signal::KILL);
    first.end().await;
    let mut next = Process::run(&manifest);
    next.ready().await;
    assert!(!left.exists());
    assert!(others.exists(), "a folder that was not empty before is not emptied");
    next.signal(Signal::TERM);
    next.end().await.expect(0);
}

/// It is made anew, and the next start finds what has been kept since.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_folder_that_is_removed_while_the_host_runs_holds_up_no_swap() {
    let slot = start("").await;
    fs::remove_dir_all(slot.manifest.folder.path().join("state")).unwrap();
    slot.upload(Mark::good(2).component()).await.expect(200);
    assert_eq!(slot.answer().await, "0002");
    let slot = slot.restart().await;
    assert_eq!(slot.answer().await, "0002");
    slot.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_folder_that_cannot_be_made_is_an_error() {
    let manifest = ManifestFile::new(&manifest("").replace("\"state\"", "\"manifest.toml/state\""));
    fs::write(component(&manifest), Mark::good(1).component()).unwrap();
    refused("state-unusable", &manifest, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rollback_to_digits_that_name_several_versions_lists_them() {
    let slot = start("").await;
    for version in 2..40 {
        slot.upload(Mark::good(version).component()).await.expect(200);
        let Some(prefix) = shared(&slot.manifest) else { continue };
        let admin = slot.admin();
        let to = |digits: &str| admin.request(http::Method::POST, &format!("/services/slot/rollback?to={digits}"), "");
        let several = admin.send(to(&prefix)).await;
        let said = several.expect(404);
        let listed = files(&slot.manifest, "services/slot/versions");
        let listed = listed.iter().filter(|file| name(file).starts_with(&prefix));
        assert!(listed.clone().count() > 1);
        for file in listed {
            assert!(said.contains(&format!("sha256:{}", &name(file)[..12])), "{said}");
        }
        let said = admin.send(to("")).await;
        assert!(said.expect(404).contains("write more digits"));
        slot.host.stop().await;
        return;
    }
    panic!("among sixteen first digits two of 40 are the same");
}

/// A first digit that two kept versions have.
fn shared(manifest: &ManifestFile) -> Option<String> {
    let files = files(manifest, "services/slot/versions");
    let first = |file: &PathBuf| name(file)[..1].to_owned();
    let mut digits: Vec<_> = files.iter().map(first).collect();
    digits.sort();
    digits.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone())
}

/// While a host runs, its state folder is its own; `check` reads what is compiled there, and changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_takes_what_a_host_has_compiled_unless_others_may_write_there() {
    let slot = start("").await;
    let check = async || command(&["check", "--manifest", slot.manifest.path()], &[]).await;
    let written = |files: &[PathBuf]| files.iter().map(|file| fs::metadata(file).unwrap().modified().unwrap()).max();
    let before = files(&slot.manifest, "compiled");
    let at = written(&before);
    let checked = check().await;
    checked.expect(0);
    assert!(checked.stderr.contains("compiled before, from the cache"), "{checked:?}");
    assert_eq!((files(&slot.manifest, "compiled"), written(&before)), (before.clone(), at));
    let folder = before[0].parent().unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o770)).unwrap();
    let checked = check().await;
    checked.expect(0);
    assert!(!checked.stderr.contains("from the cache") && checked.stderr.contains("compiling"), "{checked:?}");
    slot.host.stop().await;
}
