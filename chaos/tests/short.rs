//! A short run with a fixed seed: nothing is lost.

use std::path::Path;
use std::process::Command;

/// Enough for most of the faults to come once.
const MINUTES: &str = "1.25";
const SEED: &str = "3";

#[test]
fn nothing_is_lost_in_a_short_run() {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chaos");
    // A process of its own: it mounts disks that nobody else is to see.
    let mut chaos = Command::new(env!("CARGO_BIN_EXE_chaos"));
    chaos.args(["--minutes", MINUTES, "--seed", SEED, "--out"]).arg(&out).env_remove("RUST_BACKTRACE");
    let status = chaos.status().unwrap();
    assert!(status.success(), "{status}: see above, and the logs in {}", out.display());
}
