//! The machine that was measured on.

use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::repository::root;

/// What figures depend on besides the code.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory: String,
    pub kernel: String,
    pub rustc: String,
    pub wasmtime: String,
    /// The day, UTC.
    pub date: String,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap_or_default();
        Self {
            processor: value("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(1, Into::into),
            memory: value("/proc/meminfo", "MemTotal"),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            rustc: said_by("rustc", "--version"),
            wasmtime: locked_version(&lock, "wasmtime").unwrap_or_default().to_owned(),
            date: said_by("date", "--utc +%F"),
        }
    }
}

/// The value of the first line `name: value`.
fn value(path: &str, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_once(':')).map_or_else(String::new, |(_, value)| value.trim().to_owned())
}

/// The version of a package in `Cargo.lock`.
fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let after = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?.1;
    after.split('"').next()
}

fn said_by(program: &str, arguments: &str) -> String {
    let output = Command::new(program).args(arguments.split(' ')).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
