//! `kill -9` at each named step of a swap: the host comes back with one whole version, and with its history.

use std::fs;

use http::Method;
use rustix::process::Signal;
use serde_json::Value;

use super::versions::Mark;
use super::{component, manifest};
use crate::support::process::{ManifestFile, Process};
use crate::support::wait::until;

/// All of them, in the order in which a version takes them. It has answered as soon as it is `live`, and nothing of that is
/// written yet.
const STEPS: [&str; 9] =
    ["found", "checked", "compiled", "instantiated", "archived", "migrated", "probed", "canary", "live"];

const TRIED: &str = "swap = { probe = '/', canary = '50% for 100ms' }";

struct Killed {
    manifest: ManifestFile,
    version: u32,
}

impl Killed {
    fn new() -> Self {
        let manifest = ManifestFile::new(&manifest(TRIED));
        fs::write(component(&manifest), Mark::good(0).component()).unwrap();
        Self { manifest, version: 0 }
    }

    /// Starts the host, puts the next version there, kills the host when it has stopped at the step, and returns what it
    /// answers after another start.
    async fn at(&mut self, step: &str, put: impl AsyncFn(&Self, &mut Process)) -> String {
        self.version += 1;
        let arguments = ["run", "--manifest", self.manifest.path()];
        let mut host = Process::start(&arguments, &[("COMPONENTD_STOP_AT", step.to_owned())]);
        host.ready().await;
        put(self, &mut host).await;
        until(&format!("it stops at {step}"), async || is_stopped(host.id()).then_some(())).await;
        host.signal(Signal::KILL);
        host.end().await;
        let mut again = Process::run(&self.manifest);
        again.ready().await;
        let answer = again.client("slot").await.get("/").await.expect(200).to_owned();
        self.has_whole_history(&mut again).await;
        again.signal(Signal::TERM);
        again.end().await.expect(0);
        answer
    }

    /// Each line of the history is whole, and its last is what runs.
    async fn has_whole_history(&self, host: &mut Process) {
        let file = self.manifest.folder.path().join("state/services/slot/history.jsonl");
        let text = fs::read_to_string(file).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a whole line")).collect();
        let admin = host.client("the admin port").await;
        assert_eq!(admin.get("/services/slot/history").await.json(), Value::from(lines.clone()));
        let live = &admin.get("/services").await.json()[0]["version"];
        let last = lines.last().expect("what runs is there");
        assert_eq!((&last["version"], &last["outcome"]), (live, &Value::from("live")));
    }

    fn next(&self) -> Vec<u8> {
        Mark::good(self.version).component()
    }
}

/// By a signal, as the kernel says.
fn is_stopped(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && line.contains("T (stopped)"))
}

/// Renamed over: a crash of the host is no crash of who writes the file.
async fn by_file(killed: &Killed, _: &mut Process) {
    let part = killed.manifest.folder.path().join("part");
    fs::write(&part, killed.next()).unwrap();
    fs::rename(part, component(&killed.manifest)).unwrap();
}

/// Nobody is told what came of it.
async fn by_upload(killed: &Killed, host: &mut Process) {
    let admin = host.client("the admin port").await;
    let upload = admin.request(Method::POST, "/services/slot/versions", killed.next());
    tokio::spawn(async move { admin.try_send(upload).await.is_ok() });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_killed_at_any_step_goes_by_the_file_which_is_the_later_decision() {
    let mut killed = Killed::new();
    for step in STEPS {
        let answer = killed.at(step, by_file).await;
        assert_eq!(answer, format!("{:04}", killed.version), "{step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_killed_at_any_step_of_an_upload_comes_back_with_what_was_live_before() {
    let mut killed = Killed::new();
    for step in STEPS {
        let answer = killed.at(step, by_upload).await;
        assert_eq!(answer, "0000", "{step}: what was not noted has not been told to anybody");
    }
}
