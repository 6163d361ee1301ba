//! What a run comes to: tables of what happened, and what must not have.

use std::collections::BTreeMap;
use std::fmt;

/// Findings of one rule that are shown; all are counted.
const SHOWN: usize = 10;

/// A rule that does not hold, and where.
#[derive(Clone, Debug)]
pub struct Finding {
    pub rule: &'static str,
    pub what: String,
}

/// The findings of all accounts.
#[derive(Clone, Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Something that is lost, twice there, or otherwise not as promised.
    pub fn add(&mut self, rule: &'static str, what: impl Into<String>) {
        self.0.push(Finding { rule, what: what.into() });
    }

    fn by_rule(&self) -> BTreeMap<&'static str, Vec<&str>> {
        let mut rules = BTreeMap::<_, Vec<&str>>::new();
        for finding in &self.0 {
            rules.entry(finding.rule).or_default().push(&finding.what);
        }
        rules
    }
}

/// A title, and names with numbers.
#[derive(Clone, Debug)]
pub struct Table {
    pub title: &'static str,
    pub rows: Vec<(String, String)>,
}

impl Table {
    /// A table without rows.
    pub fn new(title: &'static str) -> Self {
        Self { title, rows: Vec::new() }
    }

    /// One more row.
    pub fn row(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        self.rows.push((name.into(), value.to_string()));
        self
    }

    /// Counts how often each name comes.
    pub fn counting(title: &'static str, names: impl IntoIterator<Item = String>) -> Self {
        let mut counts = BTreeMap::<String, usize>::new();
        for name in names {
            *counts.entry(name).or_default() += 1;
        }
        counts.into_iter().fold(Self::new(title), |table, (name, count)| table.row(name, count))
    }
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub head: String,
    pub tables: Vec<Table>,
    pub findings: Findings,
}

impl Ledger {
    /// Whether nothing was lost.
    pub fn is_clean(&self) -> bool {
        self.findings.0.is_empty()
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.head)?;
        for table in &self.tables {
            writeln!(formatter, "\n{}", table.title)?;
            for (name, value) in &table.rows {
                writeln!(formatter, "  {name:<58} {value:>8}")?;
            }
        }
        writeln!(formatter, "\nLosses and broken promises: {}", self.findings.0.len())?;
        for (rule, findings) in self.findings.by_rule() {
            writeln!(formatter, "  {rule}: {}", findings.len())?;
            for what in findings.iter().take(SHOWN) {
                writeln!(formatter, "    {what}")?;
            }
        }
        Ok(())
    }
}
