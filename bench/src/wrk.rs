//! wrk: as many requests as the servers answer, over connections that are kept alive.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::load::{Body, Load};
use crate::tool;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/load.lua");

static RUNS: AtomicU64 = AtomicU64::new(0);

/// How wrk is run.
#[derive(Clone, Debug)]
pub struct Wrk {
    pub threads: usize,
    pub connections: usize,
    pub seconds: u64,
    /// Where the threads go, one after the other, if not all to the URL.
    pub ports: Vec<u16>,
}

/// What it says in the end: `load.lua`.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Told {
    pub requests: u64,
    microseconds: u64,
    status: u64,
    connect: u64,
    read: u64,
    write: u64,
    timeout: u64,
}

impl Told {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 * 1e6 / self.microseconds as f64
    }
}

impl Wrk {
    /// Two threads: one alone has more to do than the fastest server here, which would wait for it.
    pub fn new(connections: usize, seconds: u64) -> Self {
        Self { threads: connections.min(2), connections, seconds, ports: Vec::new() }
    }

    /// The whole load.
    ///
    /// # Errors
    /// A request failed, or none was answered.
    pub async fn run(&self, base: &str, load: &Load) -> Result<Told> {
        let mut command = Command::new("wrk");
        let (threads, connections) = (self.threads.to_string(), self.connections.to_string());
        command.args(["--threads", &threads, "--connections", &connections, "--timeout", "20s"]);
        command.args(["--duration", &format!("{}s", self.seconds), "--script", SCRIPT]);
        command.arg(format!("{base}{}", load.path));
        let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        command.env("BENCH_PORTS", ports.join(" "));
        match load.body {
            Body::None => {}
            Body::Fixed(body) => drop(command.args(["--", body])),
            Body::Signup => drop(command.args(["--", "signup", &word()])),
        }
        judge(&tool::output(command).await?)
    }
}

/// Failed requests have no figures.
fn judge(text: &str) -> Result<Told> {
    let line = text.lines().find_map(|line| line.strip_prefix("RESULT ")).context("wrk told nothing")?;
    let told: Told = serde_json::from_str(line).context("load.lua writes JSON")?;
    if told.status + told.connect + told.read + told.write + told.timeout > 0 {
        bail!("requests failed: {line}");
    }
    if told.requests == 0 {
        bail!("nothing was answered: {line}");
    }
    Ok(told)
}

/// Another for each run, also after a restart.
fn word() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("u{}-{}", since.as_micros(), RUNS.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn one_failure_is_enough() {
        let told = |timeout| {
            judge(&format!(
                "Running\nRESULT {{\"requests\": 20, \"microseconds\": 2000000, \"status\": 0, \"connect\": 0, \
                 \"read\": 0, \"write\": 0, \"timeout\": {timeout}}}\n"
            ))
        };
        assert!((told(0).unwrap().rate() - 10.0).abs() < 1e-9);
        assert!(told(1).is_err());
    }
}
