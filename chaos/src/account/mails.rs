//! Each order has one mail. A second one is allowed where its sending was interrupted: it is counted, and explained by a
//! fault at the time of the first.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Facts, OrderRow};
use crate::chronicle::Span;
use crate::fault::{Kind, Target};
use crate::ledger::{Findings, Table};
use crate::mails::Mail;

/// What lies between the mail and its mark: the answer on its way, and an invocation up to its deadline.
const BEFORE: Duration = Duration::from_secs(1);
const AFTER: Duration = Duration::from_secs(12);

pub fn account(facts: &Facts, findings: &mut Findings) -> Table {
    let mut by_order = BTreeMap::<i64, Vec<&Mail>>::new();
    for mail in &facts.mails {
        match mail.order_id.filter(|order| facts.orders.contains_key(order)) {
            Some(order) => by_order.entry(order).or_default().push(mail),
            None => findings.add("no mail without an order", format!("{mail:?}")),
        }
    }
    for (order, row) in &facts.orders {
        of_order(facts, *order, row, by_order.get(order).map_or(&[][..], Vec::as_slice), findings);
    }
    for letter in &facts.dead_letters {
        findings.add("LOSS: no event is a dead letter", format!("{:?}: {:?}", letter.order_id(), letter.reason));
    }
    let losses = facts.orders.keys().filter(|order| !by_order.contains_key(order)).count();
    Table::new("Mails")
        .row("taken by the mailbox", facts.mails.len())
        .row("orders that they confirm", by_order.len())
        .row("duplicates, for sending was interrupted", facts.mails.len() - by_order.len())
        .row("dead letters", facts.dead_letters.len())
        .row("orders without a mail (losses)", losses)
}

fn of_order(facts: &Facts, order: i64, row: &OrderRow, mails: &[&Mail], findings: &mut Findings) {
    if mails.is_empty() {
        findings.add("LOSS: an order has its mail", format!("order {order}"));
    }
    for pair in mails.windows(2) {
        if !facts.spans.iter().any(|span| explains(span, pair[0])) {
            let what = format!("order {order}: {:?} and {:?}", pair[0].at, pair[1].at);
            findings.add("a second mail has a reason", what);
        }
    }
    let address = facts.users.get(&row.user_id);
    for mail in mails.iter().filter(|mail| mail.to.first() != address || !mail.content.contains(&row.total)) {
        findings.add("a mail is for its customer and order", format!("order {order}: {mail:?}"));
    }
}

/// Whether it can have come between the mail and its mark: not Postgres, which has no part in it, and no plain refusal.
fn explains(span: &Span, mail: &Mail) -> bool {
    let takes_part = span.fault.target != Target::Postgres && span.fault.kind != Kind::Unavailable;
    takes_part && span.from < mail.at + AFTER && span.to > mail.at - BEFORE
}
