//! What a service takes of the processor, and what it is due.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::metrics::{Metrics, ProcessorTime};

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
    /// The mean past which its invocations are called by the workers from the start.
    long: u64,
    time: ProcessorTime,
}

impl Share {
    /// Of a service that has had nothing yet, and is taken for quick.
    pub(crate) fn new(long: u64, time: ProcessorTime) -> Self {
        Self { virtual_time: AtomicU64::new(0), mean_turn: AtomicU64::new(0), long, time }
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
        self.mean_turn.load(Ordering::Relaxed) > self.long
    }
}

/// The shares of the services of one host, by name. A service has one as long as any of its versions is there.
#[derive(Debug)]
pub struct Shares {
    by_name: Mutex<HashMap<String, Weak<Share>>>,
    /// `long-turn`, in nanoseconds.
    long: u64,
}

impl Shares {
    /// None yet, of a host with this `long-turn`.
    pub fn new(long_turn: Duration) -> Self {
        let long = u64::try_from(long_turn.as_nanos()).unwrap_or(u64::MAX);
        Self { by_name: Mutex::default(), long }
    }

    /// The share of this service.
    pub fn of(&self, service: &str, metrics: &Metrics) -> Arc<Share> {
        let mut shares = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(service).and_then(Weak::upgrade) {
            return share;
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Share::new(self.long, metrics.processor_time(service)));
        shares.insert(service.to_owned(), Arc::downgrade(&share));
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_slow_by_many_turns_and_not_by_one() {
        let share = Share::new(150_000, ProcessorTime::default());
        share.note_turn(2_000_000);
        assert!(!share.is_slow());
        (0..3).for_each(|_| share.note_turn(2_000_000));
        assert!(share.is_slow());
        (0..100).for_each(|_| share.note_turn(10_000));
        assert!(!share.is_slow());
    }

    #[test]
    fn the_versions_of_a_service_have_one_share() {
        let (shares, metrics) = (Shares::new(Duration::from_millis(1)), Metrics::new(crate::metrics::registry()));
        let one = shares.of("a", &metrics);
        assert!(Arc::ptr_eq(&one, &shares.of("a", &metrics)));
        assert!(!Arc::ptr_eq(&one, &shares.of("b", &metrics)));
    }
}
