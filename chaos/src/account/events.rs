//! Each order has one event, which Kafka has at least once; and no event is without an order.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Facts, OrderRow};
use crate::ledger::{Findings, Table};
use crate::topic::Event;

pub fn account(facts: &Facts, findings: &mut Findings) -> Table {
    let mut by_order = BTreeMap::<i64, Vec<&Event>>::new();
    for event in &facts.events {
        match event.order_id() {
            Some(order) => by_order.entry(order).or_default().push(event),
            None => findings.add("every record is an event", format!("{}/{}", event.partition, event.offset)),
        }
    }
    for (order, row) in &facts.orders {
        let events = by_order.get(order).map_or(&[][..], Vec::as_slice);
        of_order(*order, row, events, findings);
    }
    for order in by_order.keys().filter(|order| !facts.orders.contains_key(order)) {
        findings.add("no event without an order", format!("order {order}"));
    }
    if facts.outbox != 0 {
        findings.add("the outbox is empty in the end", format!("{} records are left", facts.outbox));
    }
    Table::new("Events")
        .row("records in the topic", facts.events.len())
        .row("orders that they tell of", by_order.len())
        .row("repeated by the relay (same event id)", facts.events.len() - by_order.len())
}

fn of_order(order: i64, row: &OrderRow, events: &[&Event], findings: &mut Findings) {
    let ids: BTreeSet<_> = events.iter().map(|event| &event.id).collect();
    match (ids.len(), ids.first()) {
        (0, _) => findings.add("LOSS: an order has its event on Kafka", format!("order {order}")),
        (1, Some(Some(_))) => {}
        _ => findings.add("an order has one event id", format!("order {order}: {ids:?}")),
    }
    let told = json!([row.user_id, row.items, row.total]);
    for event in events.iter().filter(|event| content(event) != told || !is_its_id(event)) {
        findings.add("an event tells of its order", format!("order {order}: {}", event.payload));
    }
}

fn content(event: &Event) -> serde_json::Value {
    json!([event.payload["user_id"], event.payload["items"], event.payload["total_amount"]])
}

/// The header by which consumers know it is that in the payload.
fn is_its_id(event: &Event) -> bool {
    event.payload["event_id"].as_str() == event.id.as_deref()
}
