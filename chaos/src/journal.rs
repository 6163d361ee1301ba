//! Every attempt of every customer, and how it ended.

use std::sync::{Mutex, PoisonError};

use crate::intent::Intent;

/// How an attempt ended, as its client saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 201 with the id of the order or the user.
    Created(i64),
    /// Any other status.
    Refused(u16),
    /// No whole answer, in words.
    Cut(String),
}

impl Outcome {
    /// Whether the request may have been carried out, or not: the client cannot know.
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::Created(_) => false,
            Self::Refused(status) => *status >= 500,
            Self::Cut(_) => true,
        }
    }

    /// In the table of the ledger.
    pub fn name(&self) -> String {
        match self {
            Self::Created(_) => "201".to_owned(),
            Self::Refused(status) => status.to_string(),
            Self::Cut(_) => "cut".to_owned(),
        }
    }
}

/// An intent with all its attempts.
#[derive(Clone, Debug)]
pub struct Entry {
    pub intent: Intent,
    pub outcomes: Vec<Outcome>,
}

impl Entry {
    /// The ids of all 201 answers.
    pub fn created(&self) -> impl Iterator<Item = i64> {
        self.outcomes.iter().filter_map(|outcome| if let Outcome::Created(id) = outcome { Some(*id) } else { None })
    }

    /// Whether any attempt may have been carried out unbeknownst to the client.
    pub fn is_unknown(&self) -> bool {
        self.outcomes.iter().any(Outcome::is_unknown)
    }
}

/// Shared by all customers.
#[derive(Debug, Default)]
pub struct Journal(Mutex<Vec<Entry>>);

impl Journal {
    /// Keeps an intent that nobody will try again.
    pub fn keep(&self, entry: Entry) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    /// All of them.
    pub fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
