//! What a run is asked for.

use std::path::PathBuf;

use crate::names::NAMES;

/// Measures the host against native services and `wasmtime serve`, and writes `bench/results/` and `BENCHMARKS.md`.
#[derive(Clone, Debug, clap::Parser)]
#[command(bin_name = "cargo xtask bench")]
pub struct Options {
    /// What is measured; everything by default.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(NAMES))]
    pub names: Vec<String>,
    /// How often each candidate has its turn.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// How long each load takes.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: u64,
    /// Only whether everything runs and answers: one short round, and nothing is written.
    #[arg(long)]
    pub check: bool,
    /// Measure nothing, only write `BENCHMARKS.md` and its plots from the results that there are.
    #[arg(long)]
    pub render: bool,
    /// The host; by default the one beside this binary.
    #[arg(long)]
    pub host: Option<PathBuf>,
    /// Where `oha` and `wasmtime` are.
    #[arg(long)]
    pub tools: Option<PathBuf>,
    /// The jars of Apache Kafka; by default those that `cargo xtask test` fetches.
    #[arg(long, env = "COMPONENTD_TEST_KAFKA_JARS")]
    pub kafka_jars: Option<PathBuf>,
}

impl Options {
    /// How often each candidate has its turn.
    pub fn rounds(&self) -> usize {
        if self.check { 1 } else { self.rounds as usize }
    }

    /// How long each load takes.
    pub fn seconds(&self) -> u64 {
        if self.check { 1 } else { self.seconds }
    }

    /// A number of requests, records or services that is smaller where figures do not matter.
    pub fn count(&self, full: usize, check: usize) -> usize {
        if self.check { check } else { full }
    }

    /// What is measured, in the order of the table.
    pub fn scenarios(&self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().copied().filter(|name| self.names.is_empty() || self.names.iter().any(|n| n == name))
    }
}
