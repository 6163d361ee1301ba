//! What a service takes of the processor, and what it is due.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::metrics::{Metrics, ProcessorTime};

/// The mean turn, in nanoseconds, past which the invocations of a service are called by the workers from the start. A worker
/// costs a call some ten microseconds, so whoever takes less than ten times that is called where its request is read.
const SLOW: u64 = 150_000;

/// Over how many turns the mean is taken, about: four that are long make a service slow, and a hundred that are short make it
/// quick again.
const MEAN_OF: u64 = 32;

/// One service's share of the processor, whichever of its versions runs.
#[derive(Debug)]
pub struct Share {
    /// Nanoseconds that its long calls have had, less what it has slept through: the service that has had least is next.
    pub(crate) virtual_time: AtomicU64,
    /// The mean of its latest turns, in nanoseconds.
    mean_turn: AtomicU64,
    time: ProcessorTime,
}

impl Share {
    /// Of a service that has had nothing yet, and is taken for quick.
    pub fn new(time: ProcessorTime) -> Self {
        Self { virtual_time: AtomicU64::new(0), mean_turn: AtomicU64::new(0), time }
    }

    /// Counts a turn of so many nanoseconds, wherever it was.
    pub(crate) fn count(&self, turn: u64) {
        self.time.add(turn);
    }

    /// Takes a turn into the mean. Two at the same time may make one of it, which a mean can bear.
    pub(crate) fn note_turn(&self, turn: u64) {
        let mean = self.mean_turn.load(Ordering::Relaxed);
        self.mean_turn.store(mean - mean / MEAN_OF + turn / MEAN_OF, Ordering::Relaxed);
    }

    /// Whether its calls would hold up a thread that also does I/O.
    pub(crate) fn is_slow(&self) -> bool {
        self.mean_turn.load(Ordering::Relaxed) > SLOW
    }
}

/// The shares of the services of one host, by name. A service has one as long as any of its versions is there.
#[derive(Debug, Default)]
pub struct Shares(Mutex<HashMap<String, Weak<Share>>>);

impl Shares {
    /// The share of this service.
    pub fn of(&self, service: &str, metrics: &Metrics) -> Arc<Share> {
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(service).and_then(Weak::upgrade) {
            return share;
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Share::new(metrics.processor_time(service)));
        shares.insert(service.to_owned(), Arc::downgrade(&share));
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_slow_by_many_turns_and_not_by_one() {
        let share = Share::new(ProcessorTime::default());
        share.note_turn(2_000_000);
        assert!(!share.is_slow());
        (0..3).for_each(|_| share.note_turn(2_000_000));
        assert!(share.is_slow());
        (0..100).for_each(|_| share.note_turn(10_000));
        assert!(!share.is_slow());
    }

    #[test]
    fn the_versions_of_a_service_have_one_share() {
        let (shares, metrics) = (Shares::default(), Metrics::new(crate::metrics::registry()));
        let one = shares.of("a", &metrics);
        assert!(Arc::ptr_eq(&one, &shares.of("a", &metrics)));
        assert!(!Arc::ptr_eq(&one, &shares.of("b", &metrics)));
    }
}
