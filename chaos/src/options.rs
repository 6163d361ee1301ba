//! What a run is asked for.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::fault::Fault;

/// Kills and hinders everything that the store runs on, under load, and then accounts for every order.
///
/// Exit codes: 0 nothing was lost, 1 something was, 2 the run itself could not be made.
#[derive(Clone, Debug, clap::Parser)]
#[command(bin_name = "cargo xtask chaos")]
pub struct Options {
    /// How long faults are injected; parts of a minute may be given.
    #[arg(long, default_value_t = 5.0)]
    pub minutes: f64,
    /// Decides the faults and the requests; a new one each time if it is not given.
    #[arg(long, default_value_t = new_seed())]
    pub seed: u64,
    /// Customers at the same time.
    #[arg(long, default_value_t = 8)]
    pub customers: u32,
    /// Only faults with one of these in their name, such as `Kill` or `Postgres FullDisk`; by default all.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Where the logs and the ledger go; by default below `target/chaos/`.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// The host's binary; by default the one beside this one.
    #[arg(long)]
    pub componentd: Option<PathBuf>,
    /// The jars of Apache Kafka; by default those that `cargo xtask test` fetches.
    #[arg(long, env = "COMPONENTD_TEST_KAFKA_JARS")]
    pub kafka_jars: Option<PathBuf>,
}

impl Options {
    /// Whether a fault may be injected.
    pub fn wants(&self, fault: Fault) -> bool {
        let name = fault.to_string();
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }

    /// How long faults are injected.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.minutes.max(0.1) * 60.0)
    }
}

/// Small enough to be typed again.
fn new_seed() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_secs() % 1_000_000
}
