//! What can go wrong, and in which order it does.

use std::fmt;

use fastrand::Rng;

/// What is hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    Host,
    Postgres,
    Redis,
    Kafka,
    Mailbox,
}

/// How.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `kill -9`, a pause, a start.
    Kill,
    /// An orderly stop, a pause, a start. The host must exit with 0.
    Stop,
    /// A second host joins, customers go there, and then the first one stops.
    Roll,
    /// SIGSTOP, a pause, SIGCONT.
    Freeze,
    /// Every connection is closed.
    Cut,
    /// Every connection is closed at once, for a while.
    Refuse,
    /// Every piece arrives late, for a while.
    Delay,
    /// Nothing arrives, for a while, and nothing is closed.
    Stall,
    /// The disk is full, for a while; a server that ended over it is started again.
    FullDisk,
    /// The next requests are answered with 503.
    Unavailable,
}

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub target: Target,
    pub kind: Kind,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} {:?}", self.target, self.kind)
    }
}

const ALL: &[(Target, &[Kind])] = &[
    (Target::Host, &[Kind::Kill, Kind::Stop, Kind::Roll, Kind::Freeze]),
    (Target::Postgres, &[Kind::Kill, Kind::Stop, Kind::Cut, Kind::Refuse, Kind::Delay, Kind::Stall, Kind::FullDisk]),
    (
        Target::Redis,
        &[Kind::Kill, Kind::Stop, Kind::Freeze, Kind::Cut, Kind::Refuse, Kind::Delay, Kind::Stall, Kind::FullDisk],
    ),
    (Target::Kafka, &[Kind::Kill, Kind::Stop, Kind::Freeze, Kind::Cut, Kind::Refuse, Kind::Delay, Kind::Stall]),
    (Target::Mailbox, &[Kind::Cut, Kind::Refuse, Kind::Delay, Kind::Stall, Kind::Unavailable]),
];

/// Every fault once, shuffled; then again.
#[derive(Debug)]
pub struct Deck {
    rng: Rng,
    all: Vec<Fault>,
    left: Vec<Fault>,
}

impl Deck {
    /// Without those that `possible` refuses.
    pub fn new(seed: u64, possible: impl Fn(Fault) -> bool) -> Self {
        let all =
            ALL.iter().flat_map(|(target, kinds)| kinds.iter().map(|kind| Fault { target: *target, kind: *kind }));
        Self { rng: Rng::with_seed(seed), all: all.filter(|fault| possible(*fault)).collect(), left: Vec::new() }
    }

    /// The next one; none if none is possible.
    pub fn draw(&mut self) -> Option<Fault> {
        if self.left.is_empty() {
            self.left.clone_from(&self.all);
            self.rng.shuffle(&mut self.left);
        }
        self.left.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_the_order() {
        let draws = |seed| {
            let mut deck = Deck::new(seed, |_| true);
            (0..60).map(|_| deck.draw()).collect::<Vec<_>>()
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
    }

    #[test]
    fn every_fault_comes_before_any_comes_again() {
        let mut deck = Deck::new(1, |fault| fault.target != Target::Kafka);
        let mut first: Vec<_> = (0..deck.all.len()).map(|_| deck.draw()).collect();
        first.sort_unstable();
        first.dedup();
        assert_eq!(first.len(), deck.all.len());
    }
}
