//! An order that was answered with 201 is in Postgres as it was asked for, once; and no order comes from nowhere.

use std::collections::{BTreeMap, BTreeSet};

use super::{Facts, OrderRow};
use crate::journal::Entry;
use crate::ledger::{Findings, Table};

pub fn account(facts: &Facts, findings: &mut Findings) -> Table {
    let entries = facts.entries.iter().filter(|entry| entry.intent.user().is_some());
    let by_number: BTreeMap<u32, &Entry> = entries.map(|entry| (entry.intent.number, entry)).collect();
    for entry in by_number.values() {
        promised(facts, entry, findings);
    }
    let rows = rows_by_number(facts, findings);
    for (number, ids) in &rows {
        from_somewhere(*number, ids, by_number.get(number).copied(), findings);
    }
    let answered = |entry: &&&Entry| entry.created().next().is_some();
    let unknown: Vec<_> = by_number.values().filter(|entry| !answered(entry) && entry.is_unknown()).collect();
    let there = unknown.iter().filter(|entry| rows.contains_key(&entry.intent.number)).count();
    Table::new("Orders")
        .row("asked for", by_number.len())
        .row(
            "  of these with an Idempotency-Key",
            by_number.values().filter(|entry| entry.intent.key.is_some()).count(),
        )
        .row("answered 201", by_number.values().filter(answered).count())
        .row("rows in ordersdb", facts.orders.len())
        .row("unknown to the client (error or cut), and there", there)
        .row("unknown to the client (error or cut), and not there", unknown.len() - there)
}

fn promised(facts: &Facts, entry: &Entry, findings: &mut Findings) {
    let (number, ids) = (entry.intent.number, entry.created().collect::<BTreeSet<i64>>());
    if ids.len() > 1 {
        findings.add("all 201 answers for one key agree", format!("intent {number}: orders {ids:?}"));
    }
    for id in ids {
        match facts.orders.get(&id) {
            None => findings.add("LOSS: an order with 201 is in ordersdb", format!("order {id}, intent {number}")),
            Some(row) if !is_as_asked(row, entry) => {
                findings.add("an order is as it was asked for", format!("order {id}, intent {number}: {row:?}"));
            }
            Some(_) => {}
        }
    }
}

fn is_as_asked(row: &OrderRow, entry: &Entry) -> bool {
    let user = entry.intent.user().map(|user| user.id);
    user == Some(row.user_id) && row.items == entry.intent.items() && row.total == entry.intent.total()
}

fn rows_by_number(facts: &Facts, findings: &mut Findings) -> BTreeMap<u32, Vec<i64>> {
    let mut rows = BTreeMap::<u32, Vec<i64>>::new();
    for (id, row) in &facts.orders {
        match row.number() {
            Some(number) => rows.entry(number).or_default().push(*id),
            None => findings.add("no order comes from nowhere", format!("order {id}: {row:?}")),
        }
    }
    rows
}

fn from_somewhere(number: u32, ids: &[i64], entry: Option<&Entry>, findings: &mut Findings) {
    if ids.len() > 1 {
        findings.add("one order for one request or key", format!("intent {number}: orders {ids:?}"));
    }
    match entry {
        None => findings.add("no order comes from nowhere", format!("intent {number}: orders {ids:?}")),
        Some(entry) if entry.created().next().is_none() && !entry.is_unknown() => {
            let what = format!("intent {number}: orders {ids:?}, {:?}", entry.outcomes);
            findings.add("no order without a 201, or an error", what);
        }
        Some(_) => {}
    }
}
