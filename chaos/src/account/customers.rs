//! A sign-up that was answered with 201 is in Postgres and in Redis; and whoever is in Postgres is in Redis.

use std::collections::BTreeMap;

use super::Facts;
use crate::intent::Wish;
use crate::journal::Entry;
use crate::ledger::{Findings, Table};

pub fn account(facts: &Facts, findings: &mut Findings) -> Table {
    let sign_ups: Vec<&Entry> = facts.entries.iter().filter(|entry| entry.intent.wish == Wish::SignUp).collect();
    for entry in &sign_ups {
        promised(facts, entry, findings);
    }
    let by_email: BTreeMap<String, &Entry> = sign_ups.iter().map(|entry| (entry.intent.email(), *entry)).collect();
    for (id, email) in &facts.users {
        if facts.addresses.get(id) != Some(email) {
            findings.add("every user has an address in Redis", format!("user {id}, {email}"));
        }
        if by_email.get(email).is_none_or(|entry| entry.created().next().is_none() && !entry.is_unknown()) {
            findings.add("no user without a 201, or an error", format!("user {id}, {email}"));
        }
    }
    let created = sign_ups.iter().filter(|entry| entry.created().next().is_some()).count();
    Table::new("Customers").row("sign-ups answered 201", created).row("rows in usersdb", facts.users.len())
}

fn promised(facts: &Facts, entry: &Entry, findings: &mut Findings) {
    for id in entry.created() {
        let email = entry.intent.email();
        if facts.users.get(&id) != Some(&email) {
            findings.add("LOSS: a sign-up with 201 has its row", format!("user {id}, {email}"));
        }
        if facts.addresses.get(&id) != Some(&email) {
            findings.add("LOSS: a sign-up with 201 has its address in Redis", format!("user {id}, {email}"));
        }
    }
}
