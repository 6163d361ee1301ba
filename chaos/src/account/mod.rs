//! Compares what was promised with what is there; each module knows one promise.

mod answers;
mod customers;
mod events;
mod facts;
mod mails;
mod offsets;
mod orders;

use std::path::Path;
use std::time::Duration;

pub use self::facts::{Facts, OrderRow, facts};
use crate::ledger::{Findings, Ledger, Table};
use crate::options::Options;

/// What one account comes to: a table, and findings.
type Account = fn(&Facts, &mut Findings) -> Table;

const ACCOUNTS: &[Account] =
    &[answers::account, customers::account, orders::account, events::account, mails::account, offsets::account];

/// The ledger of a run that took so long.
pub fn judge(facts: &Facts, options: &Options, took: Duration, out: &Path) -> Ledger {
    let mut findings = Findings::default();
    for wrong in &facts.wrongs {
        findings.add("the host ends only when it is told to, with 0, and always serves", wrong);
    }
    if let Err(error) = &facts.settled {
        findings.add("all comes to rest and works again, without a restart", error);
    }
    let faults = facts.spans.iter().map(|span| span.fault.to_string());
    let mut tables = vec![Table::counting("Faults", faults).row("in all", facts.spans.len())];
    tables.extend(ACCOUNTS.iter().map(|account| account(facts, &mut findings)));
    let Options { seed, minutes, customers, .. } = options;
    let head = format!(
        "chaos: seed {seed}, {minutes} minutes of faults, {customers} customers, {} s in all; logs in {}",
        took.as_secs(),
        out.display()
    );
    Ledger { head, tables, findings }
}
