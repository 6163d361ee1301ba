//! Offsets never move past a record that is not handled: neither in the end nor at any time that we looked.

use std::collections::HashMap;
use std::time::SystemTime;

use super::Facts;
use crate::ledger::{Findings, Table};

/// The clocks of the mailbox and of the look are the same; what they are read for takes a moment.
const AT_ONCE: std::time::Duration = std::time::Duration::from_millis(50);

pub fn account(facts: &Facts, findings: &mut Findings) -> Table {
    for (partition, (committed, end)) in facts.progress.iter().enumerate() {
        if committed > end {
            findings.add("no offset is past the end", format!("partition {partition}: {committed} of {end}"));
        }
    }
    let handled = handled(facts);
    for sample in &facts.samples {
        look(facts, &handled, sample.at, &sample.committed, findings);
    }
    let committed: Vec<i64> = facts.progress.iter().map(|(committed, _)| *committed).collect();
    look(facts, &handled, SystemTime::now(), &committed, findings);
    Table::new("Offsets")
        .row("committed in the end", committed.iter().sum::<i64>())
        .row("ends of the partitions", facts.progress.iter().map(|(_, end)| end).sum::<i64>())
        .row("looks in between", facts.samples.len())
}

/// When each order had its first mail; a dead letter has been handled at some time.
fn handled(facts: &Facts) -> HashMap<i64, SystemTime> {
    let mut handled = HashMap::new();
    let letters = facts.dead_letters.iter().filter_map(|letter| Some((letter.order_id()?, SystemTime::UNIX_EPOCH)));
    let mails = facts.mails.iter().filter_map(|mail| Some((mail.order_id?, mail.at)));
    for (order, at) in letters.chain(mails) {
        let first = handled.entry(order).or_insert(at);
        *first = at.min(*first);
    }
    handled
}

fn look(facts: &Facts, handled: &HashMap<i64, SystemTime>, at: SystemTime, committed: &[i64], findings: &mut Findings) {
    for event in &facts.events {
        let below = usize::try_from(event.partition).ok().and_then(|partition| committed.get(partition));
        let is_committed = below.is_some_and(|committed| event.offset < *committed);
        let is_handled =
            event.order_id().and_then(|order| handled.get(&order)).is_some_and(|time| *time <= at + AT_ONCE);
        if is_committed && !is_handled {
            let what = format!("{}/{} is committed at {at:?}, and not handled", event.partition, event.offset);
            findings.add("LOSS: offsets never move past an unhandled record", what);
        }
    }
}
