//! A good request is answered with 201, or with a word that a client understands: 502, 503 or 504.

use super::Facts;
use crate::intent::Wish;
use crate::journal::{Entry, Outcome};
use crate::ledger::{Findings, Table};

pub fn account(facts: &Facts, findings: &mut Findings) -> Table {
    for entry in &facts.entries {
        for (index, outcome) in entry.outcomes.iter().enumerate() {
            if let Outcome::Refused(status) = outcome
                && !is_expected(entry, index, *status)
            {
                let (path, number) = (entry.intent.path(), entry.intent.number);
                let what = format!("{path} of intent {number}: {:?}", entry.outcomes);
                findings.add("a good request gets 201, 502, 503 or 504", what);
            }
        }
    }
    let names = facts.entries.iter().flat_map(|entry| {
        let name = |outcome: &Outcome| format!("{} {}", entry.intent.path(), outcome.name());
        entry.outcomes.iter().map(name)
    });
    let attempts: usize = facts.entries.iter().map(|entry| entry.outcomes.len()).sum();
    Table::counting("Requests", names).row("in all", attempts)
}

/// A sign-up that is tried again finds itself, where an attempt was carried out though its client saw an error.
fn is_expected(entry: &Entry, index: usize, status: u16) -> bool {
    let is_repeated = entry.outcomes[..index].iter().any(Outcome::is_unknown);
    matches!(status, 502..=504) || (status == 409 && entry.intent.wish == Wish::SignUp && is_repeated)
}
