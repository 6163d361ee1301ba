//! `componentd init`: what it writes is built by plain cargo, far from this repository, and runs.

use std::path::Path;
use std::process::Command;

use dev_backends::Scratch;
use rustix::process::Signal;

use crate::support::process::{Process, command};

/// Builds what is in this folder as its user would, but from packages that this machine has.
fn build(folder: &Path) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--target", "wasm32-wasip2", "--offline"]).current_dir(folder);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_") && name != "CARGO_HOME") {
        cargo.env_remove(name);
    }
    let built = cargo.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_component_is_built_and_runs_outside_the_repository() {
    let scratch = Scratch::new().unwrap();
    let folder = scratch.path().join("my-shop");
    let written = command(&["init", folder.to_str().unwrap()], &[]).await;
    written.expect(0);
    assert!(written.stdout.contains("cargo build --release --target wasm32-wasip2"), "{written:?}");
    build(&folder);
    let manifest = folder.join("componentd.toml").display().to_string();
    let any = ["LISTEN", "ADMIN_LISTEN"].map(|name| (name, "127.0.0.1:0".to_owned()));
    command(&["check", "--manifest", &manifest], &any).await.expect(0);
    let mut host = Process::start(&["run", "--manifest", &manifest], &any);
    host.ready().await;
    let service = host.client("my-shop").await;
    assert_eq!(service.get("/hello/world").await.expect(200), "\"hello, world\"");
    service.get("/healthz").await.expect(200);
    host.signal(Signal::TERM);
    host.end().await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_overwritten() {
    let scratch = Scratch::new().unwrap();
    let folder = scratch.path().to_str().unwrap();
    let mine = scratch.path().join("Cargo.toml");
    std::fs::write(&mine, "mine").unwrap();
    let refused = command(&["init", folder], &[]).await;
    let expected =
        format!("componentd: {} is there already, and nothing is overwritten: name another folder", mine.display());
    assert_eq!(refused.expect(73), expected);
    let left: Vec<_> = std::fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!((std::fs::read_to_string(&mine).unwrap().as_str(), left.len()), ("mine", 1), "{left:?}");
    // A file where a folder would have to be.
    let refused = command(&["init", &format!("{}/below", mine.display())], &[]).await;
    assert!(refused.expect(73).contains("cannot be written"), "{refused:?}");
}
