//! What was swapped, when, by what, and what came of it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::step::Step;

/// Entries kept per service.
const KEPT: usize = 100;

/// What asked for a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The host has started.
    Start,
    /// The component's file has changed.
    File,
    /// The manifest has changed.
    Manifest,
    /// An upload to the admin API.
    Upload,
    /// A program that embeds the host.
    Program,
    /// A rollback that somebody asked for.
    Rollback,
    /// The host itself, which went back from a version that failed.
    Watch,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It went live.
    Live,
    /// Never live, with the step that refused it and why.
    Rejected {
        /// The first step that it could not take.
        step: Step,
        /// What kept it from that.
        reason: String,
    },
    /// Live, and then taken back by the host.
    RolledBack {
        /// Which failures made the host go back.
        reason: String,
    },
}

/// One line of a service's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// RFC 3339, in UTC.
    pub at: String,
    /// `sha256:` and all 64 hexadecimal digits.
    pub version: String,
    /// What asked for the version.
    pub by: By,
    /// Whether it went live.
    pub outcome: Outcome,
}

impl Entry {
    /// A line with the time of this moment. `version` is the whole name, as [`Digest::full`](crate::digest::Digest::full)
    /// gives it.
    pub fn now(version: String, by: By, outcome: Outcome) -> Self {
        Self { at: humantime::format_rfc3339_millis(SystemTime::now()).to_string(), version, by, outcome }
    }
}

/// The last entries of a service, oldest first.
#[derive(Debug, Default)]
pub struct History(Mutex<VecDeque<Entry>>);

impl From<Vec<Entry>> for History {
    fn from(entries: Vec<Entry>) -> Self {
        let surplus = entries.len().saturating_sub(KEPT);
        Self(Mutex::new(entries.into_iter().skip(surplus).collect()))
    }
}

impl History {
    /// Adds a line. Past a hundred, the oldest one goes.
    pub fn push(&self, entry: Entry) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// A copy of all lines, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The version that was live before `current`, as far as the history goes back.
    pub fn before(&self, current: &str) -> Option<String> {
        let entries = self.entries();
        let live = entries.iter().rev().filter(|entry| entry.outcome == Outcome::Live);
        live.map(|entry| &entry.version).find(|version| *version != current).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(version: &str, outcome: Outcome) -> Entry {
        Entry::now(version.to_owned(), By::File, outcome)
    }

    #[test]
    fn the_version_before_is_the_last_other_one_that_was_live() {
        let history = History::default();
        for version in ["a", "b", "c"] {
            history.push(entry(version, Outcome::Live));
        }
        history.push(entry("d", Outcome::Rejected { step: Step::Compiled, reason: String::new() }));
        assert_eq!(history.before("c").as_deref(), Some("b"));
        assert_eq!(History::default().before("c"), None);
    }

    #[test]
    fn it_is_bounded() {
        let history = History::default();
        (0..KEPT + 5).for_each(|n| history.push(entry(&n.to_string(), Outcome::Live)));
        assert_eq!(history.entries().len(), KEPT);
        assert_eq!(history.entries()[0].version, "5");
    }
}
