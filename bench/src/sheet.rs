//! The samples of one scenario, what they come to, and the file that keeps them.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::stats::{median, spread};

/// What was measured of whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// `throughput`, say.
    pub measure: String,
    pub unit: String,
    /// What was asked for: `products`, say.
    pub case: String,
    pub candidate: String,
    /// The number of services, or of connections, or the rate: what a plot has below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<f64>,
}

/// The samples of one key, one for each round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Series {
    #[serde(flatten)]
    pub key: Key,
    pub median: f64,
    pub spread: f64,
    pub samples: Vec<f64>,
}

/// What is aimed at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
}

/// A line of the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finding {
    pub what: String,
    pub against: String,
    /// Empty for a ratio.
    pub unit: String,
    /// None where it is only told.
    pub target: Option<Target>,
    pub median: f64,
    pub samples: Vec<f64>,
    pub reached: Option<bool>,
}

/// Everything of one scenario.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sheet {
    pub scenario: String,
    pub about: String,
    pub machine: Machine,
    pub rounds: usize,
    pub seconds: u64,
    pub findings: Vec<Finding>,
    pub series: Vec<Series>,
}

impl Key {
    /// Of something that is counted a second.
    pub fn new(measure: &str, unit: &str, case: &str, candidate: &str) -> Self {
        let own = str::to_owned;
        Self { measure: own(measure), unit: own(unit), case: own(case), candidate: own(candidate), at: None }
    }

    /// The same, at a place below the plot.
    pub fn at(mut self, at: f64) -> Self {
        self.at = Some(at);
        self
    }
}

impl Target {
    /// Whether a value is good enough.
    pub fn is_reached(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

impl Sheet {
    /// The next sample of this key.
    pub fn add(&mut self, key: Key, value: f64) {
        let at = self.series.iter().position(|series| series.key == key);
        let at = at.unwrap_or_else(|| {
            self.series.push(Series { key, median: 0.0, spread: 0.0, samples: Vec::new() });
            self.series.len() - 1
        });
        let series = &mut self.series[at];
        series.samples.push(value);
        (series.median, series.spread) = (median(&series.samples), spread(&series.samples));
    }

    /// The samples of this key, one for each round.
    ///
    /// # Errors
    /// There are none.
    pub fn samples(&self, key: &Key) -> Result<&[f64]> {
        let series = self.series.iter().find(|series| series.key == *key);
        Ok(&series.with_context(|| format!("nobody measured {key:?}"))?.samples)
    }

    /// What the first is of the second, round by round.
    ///
    /// # Errors
    /// One of them was not measured.
    pub fn ratios(&self, of: &Key, to: &Key) -> Result<Vec<f64>> {
        Ok(self.samples(of)?.iter().zip(self.samples(to)?).map(|(of, to)| of / to).collect())
    }

    /// A line of the table.
    pub fn find(&mut self, what: &str, against: &str, unit: &str, samples: Vec<f64>, target: Option<Target>) {
        let median = median(&samples);
        let reached = target.map(|target| target.is_reached(median));
        let (what, against, unit) = (what.to_owned(), against.to_owned(), unit.to_owned());
        self.findings.push(Finding { what, against, unit, target, median, samples, reached });
    }

    /// Writes `<scenario>.json`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(&self.scenario).with_extension("json");
        let text = serde_json::to_string_pretty(self).context("results are plain data")? + "\n";
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, text))
            .with_context(|| format!("cannot write {path:?}"))
    }
}

impl fmt::Display for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.scenario, self.about)?;
        for Series { key, median, spread, .. } in &self.series {
            let at = key.at.map_or_else(String::new, |at| format!(" at {at}"));
            let (case, who) = (format!("{}{at}", key.case), &key.candidate);
            let spread = spread * 100.0;
            writeln!(
                f,
                "  {:<14} {case:<22} {who:<28} {median:>12.3} {:<16} spread {spread:.1} %",
                key.measure, key.unit
            )?;
        }
        for finding in &self.findings {
            let mark = finding.reached.map_or("", |reached| if reached { "reached" } else { "NOT reached" });
            let (what, against) = (&finding.what, &finding.against);
            writeln!(f, "  {what} / {against}: {:.3} {} {mark}", finding.median, finding.unit)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_those_of_each_round() {
        let mut sheet = Sheet::default();
        let (ours, theirs) = (Key::new("t", "1/s", "c", "ours"), Key::new("t", "1/s", "c", "theirs"));
        for (a, b) in [(1.0, 2.0), (6.0, 4.0)] {
            sheet.add(ours.clone(), a);
            sheet.add(theirs.clone(), b);
        }
        assert_eq!(sheet.ratios(&ours, &theirs).unwrap(), [0.5, 1.5]);
        assert!(sheet.ratios(&ours, &ours.clone().at(1.0)).is_err());
    }
}
