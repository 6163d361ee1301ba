//! `kill -9` in the middle of swaps: the host comes back with one whole version.

use std::time::Duration;

use rustix::process::Signal;

use super::versions::Mark;
use super::{component, manifest};
use crate::support::process::{ManifestFile, Process};

/// From the change of the file to what is after the switch, in steps finer than those of a swap.
const DELAYS_MS: [u64; 8] = [0, 150, 250, 300, 350, 420, 500, 700];

#[tokio::test(flavor = "multi_thread")]
async fn a_host_killed_at_any_step_of_a_swap_comes_back_whole() {
    let manifest = ManifestFile::new(&manifest(""));
    std::fs::write(component(&manifest), Mark::good(0).component()).unwrap();
    let mut before = "0000".to_owned();
    for (version, delay) in (1..).zip(DELAYS_MS) {
        let mut host = Process::run(&manifest);
        host.ready().await;
        // Renamed over: a crash of the host is no crash of who writes the file.
        let part = manifest.folder.path().join("part");
        std::fs::write(&part, Mark::good(version).component()).unwrap();
        std::fs::rename(part, component(&manifest)).unwrap();
        tokio::time::sleep(Duration::from_millis(delay)).await;
        host.signal(Signal::KILL);
        host.end().await;
        let mut again = Process::run(&manifest);
        again.ready().await;
        let answer = again.client("slot").await.get("/").await.expect(200).to_owned();
        let new = format!("{version:04}");
        assert_eq!(answer, new, "the file is the later decision than {before}");
        before = new;
        again.signal(Signal::TERM);
        again.end().await.expect(0);
    }
}
