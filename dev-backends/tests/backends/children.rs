//! Whatever ends dev-backends, its servers end as well.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use dev_backends::Scratch;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait::until;

fn start(data: &Path) -> (Child, Vec<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dev-backends"));
    let mut child = command.arg("--data").arg(data).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let ready = lines.take_while(|line| line != "READY").collect();
    (child, ready)
}

/// The names of the processes that work below `data`.
fn servers(data: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|process| process.path());
    let ours = |process: &Path| fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(data));
    processes
        .filter(|process| ours(process))
        .filter_map(|process| fs::read_to_string(process.join("comm")).ok())
        .collect()
}

fn all_end(data: &Path) {
    until("its servers have ended", || servers(data).is_empty());
}

#[test]
fn a_kill_of_dev_backends_leaves_no_server_and_no_obstacle() {
    let scratch = Scratch::new().unwrap();
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        let (mut child, variables) = start(scratch.path());
        let names: Vec<_> = variables.iter().map(|line| line.split_once('=').unwrap().0).collect();
        assert_eq!(names, ["DATABASE_URL", "REDIS_URL", "KAFKA_BROKERS", "MAILBOX_URL", "SENDGRID_URL"]);
        assert!(servers(scratch.path()).len() >= 2);
        kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        assert_eq!(child.wait().unwrap().success(), signal == Signal::SIGTERM);
        all_end(scratch.path());
    }
}

#[test]
fn the_death_of_a_server_is_said() {
    let scratch = Scratch::new().unwrap();
    let (child, _) = start(scratch.path());
    let server = fs::read_to_string(scratch.path().join("postgres/data/postmaster.pid")).unwrap();
    kill(Pid::from_raw(server.lines().next().unwrap().parse().unwrap()), Signal::SIGKILL).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1));
    all_end(scratch.path());
}
