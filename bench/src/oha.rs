//! oha: requests at a fixed rate, whether earlier ones are answered or not.
//!
//! A latency begins when its request was due, not when it was sent: a server that stands still is charged for all that
//! should have come meanwhile (no coordinated omission).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::tool;

/// Enough for half a second of delay at the rates of the store; more would only wait in the client instead.
const CONNECTIONS: &str = "64";

/// What oha prints, as far as it matters here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    summary: Summary,
    latency_percentiles: BTreeMap<String, f64>,
    status_code_distribution: BTreeMap<String, u64>,
    error_distribution: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    requests_per_sec: f64,
}

/// Latencies in milliseconds, and the rate at which answers came.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub rate: f64,
}

/// Gets `url` at this rate.
///
/// # Errors
/// A request failed.
pub async fn run(tools: &Path, url: &str, rate: u64, seconds: u64) -> Result<Latency> {
    let mut command = Command::new(tools.join("oha"));
    command.args(["-q", &rate.to_string(), "-z", &format!("{seconds}s"), "-c", CONNECTIONS, "--latency-correction"]);
    command.args(["--wait-ongoing-requests-after-deadline", "--no-tui", "--output-format", "json", url]);
    judge(&tool::output(command).await?)
}

fn judge(text: &str) -> Result<Latency> {
    let told: Told = serde_json::from_str(text).context("oha prints JSON")?;
    let failed = told.status_code_distribution.keys().any(|status| !status.starts_with('2'));
    if failed || !told.error_distribution.is_empty() {
        bail!("requests failed: {:?} {:?}", told.status_code_distribution, told.error_distribution);
    }
    let milliseconds =
        |name: &str| told.latency_percentiles.get(name).map(|seconds| seconds * 1e3).context("oha tells p50, p90, p99");
    Ok(Latency {
        p50: milliseconds("p50")?,
        p90: milliseconds("p90")?,
        p99: milliseconds("p99")?,
        rate: told.summary.requests_per_sec,
    })
}

#[cfg(test)]
mod tests {
    use super::judge;

    fn told(statuses: &str, errors: &str) -> String {
        format!(
            r#"{{"summary": {{"requestsPerSec": 99.5}}, "latencyPercentiles": {{"p50": 0.001, "p90": 0.002, "p99": 0.0035}},
            "statusCodeDistribution": {statuses}, "errorDistribution": {errors}}}"#
        )
    }

    #[test]
    fn seconds_become_milliseconds() {
        let latency = judge(&told(r#"{"200": 995}"#, "{}")).unwrap();
        assert!((latency.p99 - 3.5).abs() < 1e-9);
    }

    #[test]
    fn one_failure_is_enough() {
        assert!(judge(&told(r#"{"200": 994, "503": 1}"#, "{}")).is_err());
        assert!(judge(&told(r#"{"200": 994}"#, r#"{"connection refused": 1}"#)).is_err());
    }
}
