//! All findings, as people and as scripts read them.

use std::fmt;

use serde::Serialize;

use super::finding::Finding;

/// All that was looked at, in the order of the manifest's parts.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Whether nothing is wrong.
    pub well: bool,
    pub findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn new(findings: Vec<Finding>) -> Self {
        Self { well: findings.iter().all(|finding| finding.well), findings }
    }

    /// How many are wrong.
    pub(crate) fn wrong(&self) -> usize {
        self.findings.iter().filter(|finding| !finding.well).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.findings.iter().map(|finding| finding.about.chars().count()).max().unwrap_or_default();
        for Finding { about, place, well, seen, mend } in &self.findings {
            let how = if *well { "well " } else { "WRONG" };
            let seen = seen.replace('\n', "\n       ");
            writeln!(f, "{how}  {about:<width$}  {seen}")?;
            if let Some(mend) = mend {
                writeln!(f, "       {place}\n       {mend}")?;
            }
        }
        Ok(())
    }
}
