//! The connections of a listener: how many there may be, how long they may be idle or stuck, and which of them gives its place
//! where there is none left.
//!
//! A connection that waits for the head of a request costs its client nothing, so it has no right to its place: whoever comes
//! takes it from one that has waited for longest, of the address that has the most. One with a request under way keeps it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::debug;

use crate::bounds::Bounds;
use crate::pulse::Pulse;

/// How long a connection keeps its place at the least while it waits for a request: longer than one takes that is on its way.
const LEAST_WAIT: Duration = Duration::from_millis(250);

/// How often a full listener looks for one that has waited so long.
const LOOK: Duration = Duration::from_millis(25);

/// How long a connection that has waited for too long may take to close in good order, as HTTP/2 does by GOAWAY.
const CLOSING: Duration = Duration::from_secs(1);

/// What a client must take within `write-timeout` where it does not take all: one byte now and then is no reader.
const LEAST_READ: u64 = 16 << 10;

/// Those of one listener.
#[derive(Debug)]
pub(crate) struct Connections {
    bounds: Bounds,
    table: Mutex<Table>,
    entered: Notify,
    left: Notify,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<u64, Entry>,
    next: u64,
    is_closing: bool,
}

#[derive(Debug)]
struct Entry {
    address: IpAddr,
    pulse: Arc<Pulse>,
    /// After how many requests it waits, and since when that is known.
    waiting: Option<(u64, Instant)>,
    /// Up to which byte its client had read, and since when it reads no more.
    stuck: Option<(u64, Instant)>,
}

/// The place of a connection, to its end.
#[derive(Debug)]
pub(crate) struct Place {
    id: u64,
    /// What it is at.
    pub(crate) pulse: Arc<Pulse>,
    connections: Arc<Connections>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().entries.remove(&self.id);
        self.connections.left.notify_waiters();
    }
}

enum Found {
    Place(u64, Arc<Pulse>),
    /// One is about to be left, or may be soon.
    NotYet,
    Refused,
}

impl Connections {
    /// None yet, within these bounds.
    pub(crate) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, table: Mutex::default(), entered: Notify::new(), left: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection from this address, as soon as there is one. None where its address has as many as it may, and a
    /// request on each.
    pub(crate) async fn place(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = network(address);
        loop {
            let left = self.left.notified();
            let found = self.lock().find(address, &self.bounds, Instant::now());
            match found {
                Found::Place(id, pulse) => {
                    self.entered.notify_one();
                    return Some(Place { id, pulse, connections: self.clone() });
                }
                Found::Refused => return None,
                Found::NotYet => drop(tokio::time::timeout(LOOK, left).await),
            }
        }
    }

    /// Ends those that are idle or stuck for too long, again and again.
    pub(crate) async fn watch(&self) -> std::convert::Infallible {
        let period = self.bounds.header_timeout.min(self.bounds.write_timeout) / 4;
        let period = period.clamp(LOOK, Duration::from_secs(1));
        loop {
            let is_empty = self.lock().entries.is_empty();
            if is_empty {
                self.entered.notified().await;
            }
            tokio::time::sleep(period).await;
            self.lock().sweep(&self.bounds, Instant::now());
        }
    }

    /// Ends one that has waited for a request for long enough to give its place.
    pub(crate) fn shed(&self) {
        self.lock().make_room(None, Instant::now());
    }

    /// Has all close once they have answered what is under way, also those that come from now on.
    pub(crate) fn finish(&self) {
        let mut table = self.lock();
        table.is_closing = true;
        table.entries.values().for_each(|entry| entry.pulse.finish());
    }

    /// Waits until there is none.
    pub(crate) async fn none_left(&self) {
        loop {
            let left = self.left.notified();
            let is_empty = self.lock().entries.is_empty();
            if is_empty {
                return;
            }
            left.await;
        }
    }
}

impl Table {
    fn find(&mut self, address: IpAddr, bounds: &Bounds, now: Instant) -> Found {
        let of_address = self.entries.values().filter(|entry| entry.address == address).count();
        if of_address >= bounds.max_per_address && bounds.max_per_address < bounds.max_connections {
            return if self.make_room(Some(address), now) { Found::NotYet } else { Found::Refused };
        }
        if self.entries.len() >= bounds.max_connections {
            self.make_room(None, now);
            return Found::NotYet;
        }
        let (id, pulse) = (self.next, Arc::new(Pulse::default()));
        self.next += 1;
        if self.is_closing {
            pulse.finish();
        }
        let entry = Entry { address, pulse: pulse.clone(), waiting: Some((0, now)), stuck: None };
        self.entries.insert(id, entry);
        Found::Place(id, pulse)
    }

    /// Whether one leaves, or may soon: the one that has waited for longest, of this address, or of that which has the most.
    fn make_room(&mut self, address: Option<IpAddr>, now: Instant) -> bool {
        let mut of_each: HashMap<IpAddr, usize> = HashMap::new();
        for entry in self.entries.values_mut() {
            entry.look(now);
            *of_each.entry(entry.address).or_default() += 1;
        }
        let ours = self.entries.values().filter(|entry| address.is_none_or(|address| address == entry.address));
        let mut waiting: Vec<(&Entry, Instant)> = ours.filter_map(|entry| Some((entry, entry.waiting?.1))).collect();
        if waiting.iter().any(|(entry, _)| entry.pulse.leaves()) {
            return true;
        }
        let can_wait = !waiting.is_empty();
        waiting.retain(|(_, since)| now.duration_since(*since) >= LEAST_WAIT);
        let most =
            |(entry, since): &(&Entry, Instant)| (of_each.get(&entry.address).copied(), now.duration_since(*since));
        if let Some((entry, _)) = waiting.iter().max_by_key(|waiting| most(waiting)) {
            debug!(address = %entry.address, "a connection that waits for a request gives its place");
            entry.pulse.leave();
        }
        can_wait
    }

    fn sweep(&mut self, bounds: &Bounds, now: Instant) {
        for entry in self.entries.values_mut() {
            entry.look(now);
            entry.close_if_due(bounds, now);
        }
    }
}

impl Entry {
    /// Notes what is seen of it now.
    fn look(&mut self, now: Instant) {
        let (waits_after, written) = (self.pulse.waits_after(), self.pulse.written());
        self.stuck = match self.stuck {
            _ if !self.pulse.is_stuck() => None,
            Some((up_to, since)) if written < up_to + LEAST_READ => Some((up_to, since)),
            _ => Some((written, now)),
        };
        // One that writes is not idle: what stands in its buffers is still to be read.
        self.waiting = match (self.waiting, waits_after) {
            (_, Some(_)) if self.stuck.is_some() => None,
            (Some((before, since)), Some(after)) if before == after => Some((before, since)),
            (_, after) => after.map(|after| (after, now)),
        };
    }

    fn close_if_due(&mut self, bounds: &Bounds, now: Instant) {
        let is_past = |since: Instant, timeout: Duration| now.duration_since(since) >= timeout;
        if self.stuck.is_some_and(|(_, since)| is_past(since, bounds.write_timeout)) {
            debug!(address = %self.address, "a connection whose client does not read is closed");
            return self.pulse.leave();
        }
        let Some((_, since)) = self.waiting else { return };
        if is_past(since, bounds.header_timeout + CLOSING) {
            // With half a head it has nothing to finish.
            self.pulse.leave();
        } else if is_past(since, bounds.header_timeout) {
            self.pulse.finish();
        }
    }
}

/// Whoever has one address of IPv6 has all of its network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn table(entries: &[IpAddr], bounds: &Bounds, now: Instant) -> (Table, Vec<Arc<Pulse>>) {
        let mut table = Table::default();
        let pulses = entries.iter().map(|address| match table.find(*address, bounds, now) {
            Found::Place(_, pulse) => pulse,
            _ => panic!("there is room"),
        });
        let pulses = pulses.collect();
        (table, pulses)
    }

    fn bounds(max_connections: usize, max_per_address: usize) -> Bounds {
        Bounds { max_connections, max_per_address, ..Bounds::USUAL }
    }

    #[test]
    fn who_waits_gives_its_place_and_who_is_at_work_keeps_it() {
        let (now, bounds) = (Instant::now(), bounds(2, 2));
        let (mut table, pulses) = table(&[ONE, OTHER], &bounds, now);
        let busy = pulses[1].begin();
        assert!(matches!(table.find(ONE, &bounds, now), Found::NotYet) && !pulses[0].leaves(), "it has only just come");
        assert!(matches!(table.find(ONE, &bounds, now + LEAST_WAIT), Found::NotYet));
        assert!(pulses[0].leaves() && !pulses[1].leaves());
        table.entries.remove(&0);
        assert!(matches!(table.find(ONE, &bounds, now + LEAST_WAIT), Found::Place(..)));
        drop(busy);
    }

    #[test]
    fn the_address_with_the_most_gives_first() {
        let (now, bounds) = (Instant::now(), bounds(4, 4));
        let (mut table, pulses) = table(&[OTHER, ONE, ONE, ONE], &bounds, now);
        assert!(matches!(table.find(OTHER, &bounds, now + LEAST_WAIT), Found::NotYet));
        assert!(!pulses[0].leaves() && pulses[1..].iter().filter(|pulse| pulse.leaves()).count() == 1);
    }

    #[test]
    fn an_address_whose_requests_take_all_of_its_share_is_refused() {
        let (now, bounds) = (Instant::now(), bounds(4, 1));
        let (mut table, pulses) = table(&[ONE], &bounds, now);
        let _busy = pulses[0].begin();
        assert!(matches!(table.find(ONE, &bounds, now + LEAST_WAIT), Found::Refused));
        assert!(matches!(table.find(OTHER, &bounds, now), Found::Place(..)));
    }

    #[test]
    fn idle_connections_are_told_to_finish_and_then_cut() {
        let (now, bounds) = (Instant::now(), bounds(4, 4));
        let (mut table, pulses) = table(&[ONE, ONE], &bounds, now);
        let _busy = pulses[0].begin();
        table.sweep(&bounds, now + bounds.header_timeout);
        assert!(pulses[1].finishes() && !pulses[1].leaves() && !pulses[0].finishes());
        table.sweep(&bounds, now + bounds.header_timeout + CLOSING);
        assert!(pulses[1].leaves() && !pulses[0].finishes());
    }

    #[test]
    fn neighbours_in_a_network_of_ipv6_are_one() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8:0:1::1"), network("2001:db8::1"));
        assert_eq!(network("::ffff:192.0.2.1"), ONE);
    }
}
