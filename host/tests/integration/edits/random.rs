//! Random edits under load. After each, the host runs exactly the last manifest that was applied as a whole; no service that
//! an edit leaves as it is loses a request, and no port that has a service before and after is ever without one.
//!
//! The seed is printed; `COMPONENTD_TEST_SEED` sets it.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::{SystemTime, UNIX_EPOCH};

use super::load::Load;
use super::{Edited, Said, Slot, Slots};
use crate::support::files::variable;
use crate::support::host::free_port;

const EDITS: usize = 20;
const PORTS: usize = 6;
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn number(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(bound as usize)).unwrap()
    }
}

/// What edits are made of.
struct World {
    random: Random,
    ports: Vec<u16>,
    /// Another process has it: the test's own.
    taken: u16,
}

impl World {
    /// One to three changes of services, and in one edit of three a service that cannot be.
    fn edit(&mut self, slots: &Slots) -> (Slots, bool) {
        let mut edited = slots.clone();
        for _ in 0..=self.random.below(3) {
            self.change(&mut edited);
        }
        let is_possible = self.random.below(3) > 0;
        if !is_possible {
            self.spoil(&mut edited, slots);
        }
        (edited, is_possible)
    }

    fn change(&mut self, slots: &mut Slots) {
        let free_ports: Vec<u16> = self.ports.iter().copied().filter(|port| !has_port(slots, *port)).collect();
        let free_names: Vec<&str> = NAMES.into_iter().filter(|name| !slots.contains_key(*name)).collect();
        let names: Vec<String> = slots.keys().cloned().collect();
        let name = self.random.pick(&names).clone();
        match self.random.below(9) {
            0 | 1 if !free_names.is_empty() && !free_ports.is_empty() => {
                let (name, port) = ((*self.random.pick(&free_names)).to_owned(), *self.random.pick(&free_ports));
                slots.insert(name, Slot { version: 1 + self.random.number(4), ..Slot::new(port) });
            }
            2 if slots.len() > 1 => drop(slots.remove(&name)),
            3 if !free_names.is_empty() => {
                let slot = slots.remove(&name).unwrap();
                slots.insert((*self.random.pick(&free_names)).to_owned(), slot);
            }
            4 if slots.len() > 1 => {
                let other = self.random.pick(&names).clone();
                let (one, two) = (slots[&name].port, slots[&other].port);
                slots.get_mut(&name).unwrap().port = two;
                slots.get_mut(&other).unwrap().port = one;
            }
            5 if !free_ports.is_empty() => slots.get_mut(&name).unwrap().port = *self.random.pick(&free_ports),
            6 => slots.get_mut(&name).unwrap().version = 1 + self.random.number(4),
            7 => slots.get_mut(&name).unwrap().max_body = 1 + self.random.number(4),
            8 => {
                let settings = format!("limits = {{ rows = {} }}", 1 + self.random.number(9));
                slots.get_mut(&name).unwrap().settings = settings;
            }
            _ => slots.get_mut(&name).unwrap().tag += 1,
        }
    }

    /// Makes one service impossible, in a way that only shows when it is tried.
    fn spoil(&mut self, slots: &mut Slots, before: &Slots) {
        let names: Vec<String> = slots.keys().cloned().collect();
        let name = self.random.pick(&names).clone();
        let slot = slots.get_mut(&name).unwrap();
        match self.random.below(4) {
            0 => slot.version = 666,
            1 => slot.version = 999,
            // What is new is not probed before it runs.
            2 if before.contains_key(&name) => {
                slot.version = 500;
                slot.settings = "swap = { probe = '/' }".to_owned();
            }
            _ => slot.port = self.taken,
        }
    }
}

fn has_port(slots: &Slots, port: u16) -> bool {
    slots.values().any(|slot| slot.port == port)
}

fn name_at(slots: &Slots, port: u16) -> Option<(&String, &Slot)> {
    slots.iter().find(|(_, slot)| slot.port == port)
}

/// What the clients of the ports may have been answered between two manifests that both ran.
fn check_answers(load: &Load, before: &Slots, after: &Slots) {
    for (port, answers) in load.take() {
        let (Some(old), Some(new)) = (name_at(before, port), name_at(after, port)) else { continue };
        // Whoever is connected has one more answer of the service that it had connected to, as that is by then.
        let moved = after.get_key_value(old.0);
        let expected = [Some(old), Some(new), moved].into_iter().flatten();
        let expected: BTreeSet<String> = expected.map(|(name, slot)| slot.environment(name).to_string()).collect();
        let others: Vec<_> = answers.iter().filter(|(answer, _)| !expected.contains(*answer)).collect();
        assert!(others.is_empty(), "port {port}: {others:?}\nbefore {old:?}\nafter {new:?}");
    }
}

/// Each port that has a service before and after is asked again.
async fn until_asked(load: &Load, before: &Slots, after: &Slots) {
    for port in after.values().map(|slot| slot.port).filter(|port| has_port(before, *port)) {
        load.goes_on(port).await;
    }
}

fn seed() -> u64 {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into();
    variable("COMPONENTD_TEST_SEED").map_or_else(now, |seed| seed.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_edited_the_last_manifest_that_was_applied_runs_as_a_whole() {
    let seed = seed();
    println!("COMPONENTD_TEST_SEED={seed}");
    let ports: Vec<u16> = (0..PORTS).map(|_| free_port()).collect();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut slots: Slots =
        NAMES[..3].iter().zip(&ports).map(|(name, port)| ((*name).to_owned(), Slot::new(*port))).collect();
    let mut world = World { random: Random(seed), ports: ports.clone(), taken: other.local_addr().unwrap().port() };
    let mut host = Edited::start(&slots).await;
    let load = Load::start(ports);
    let mut refused = 0;
    for number in 1..=EDITS {
        let (edited, is_possible) = world.edit(&slots);
        until_asked(&load, &slots, &slots).await;
        load.take();
        let said = host.edit(&edited).await;
        let context = format!("seed {seed}, edit {number}\nfrom {slots:#?}\nto {edited:#?}\nwhich was {said:?}");
        let before = slots.clone();
        match (&said, is_possible) {
            (Said::Applied, true) if edited != slots => slots = edited,
            (Said::Nothing, true) if edited == slots => {}
            (Said::Refused(_), false) => refused += 1,
            _ => panic!("{context}"),
        }
        let differences = host.differences(&slots).await;
        assert!(differences.is_empty(), "{differences}\n{context}");
        until_asked(&load, &before, &slots).await;
        check_answers(&load, &before, &slots);
    }
    println!("{EDITS} edits, {refused} of them refused");
}
