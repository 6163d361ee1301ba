//! How much components log: so many bytes for each invocation, and so many a second for all of a service.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use componentd_config::Limits;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// What a line takes beside its text: time, request, version. So empty lines count too.
const LINE_OVERHEAD: usize = 256;

/// Where the log cuts a line.
const LONGEST_LINE: usize = 16 << 10;

/// What a line of the host takes about something that a component did.
const HOST_LINE: usize = 2 * LINE_OVERHEAD;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LogLabels {
    service: String,
}

/// The lines that components of a host may not log.
#[derive(Clone)]
pub struct LogMetrics(Family<LogLabels, Counter>);

impl LogMetrics {
    /// Registers them, as `guest_log_dropped_lines`.
    pub fn new(registry: &mut Registry) -> Self {
        let family = Family::default();
        let help = "Lines of components that were past `limits.log` or `limits.log-rate`";
        registry.register("guest_log_dropped_lines", help, Family::clone(&family));
        Self(family)
    }
}

/// What the invocations of a service may log together: its rate, and at once no more than that of a second.
pub struct LogRate {
    per_second: usize,
    bucket: Mutex<Bucket>,
    dropped: Counter,
}

struct Bucket {
    left: usize,
    filled: Instant,
}

/// Whether a line may be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// It may.
    Yes,
    /// It is the first of an invocation that may not, which is said.
    FirstDropped,
    /// Nor may this one.
    Dropped,
}

impl LogRate {
    /// Of a service that has logged nothing yet.
    pub fn new(limits: &Limits, metrics: &LogMetrics, service: &str) -> Self {
        let per_second = limits.log_rate.0;
        let bucket = Mutex::new(Bucket { left: per_second, filled: Instant::now() });
        let labels = LogLabels { service: service.to_owned() };
        Self { per_second, bucket, dropped: metrics.0.get_or_create_owned(&labels) }
    }

    /// What the host has to say of something that a component did, and may do as often as it likes: within the rate.
    pub fn tell(&self, log: impl FnOnce()) {
        if self.takes(HOST_LINE) {
            log();
        } else {
            self.dropped.inc();
        }
    }

    fn takes(&self, bytes: usize) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let since = now.duration_since(bucket.filled).as_micros();
        let new = self.per_second as u128 * since / 1_000_000;
        if new > 0 {
            bucket.left = bucket.left.saturating_add(usize::try_from(new).unwrap_or(usize::MAX)).min(self.per_second);
            bucket.filled = now;
        }
        let has_room = bucket.left >= bytes;
        bucket.left -= if has_room { bytes } else { 0 };
        has_room
    }
}

/// What one invocation has left to log.
#[derive(Debug)]
pub struct LogBudget {
    left: usize,
    has_dropped: bool,
}

impl LogBudget {
    /// All that an invocation may log.
    pub fn new(limits: &Limits) -> Self {
        Self { left: limits.log.0, has_dropped: false }
    }

    /// Takes a line of so many bytes, if there is room for it in both bounds; else it is counted.
    pub fn admit(&mut self, rate: &LogRate, bytes: usize) -> Admitted {
        let bytes = bytes.min(LONGEST_LINE) + LINE_OVERHEAD;
        if self.left >= bytes && rate.takes(bytes) {
            self.left -= bytes;
            return Admitted::Yes;
        }
        rate.dropped.inc();
        if std::mem::replace(&mut self.has_dropped, true) { Admitted::Dropped } else { Admitted::FirstDropped }
    }
}

#[cfg(test)]
mod tests {
    use componentd_config::Bytes;

    use super::*;

    fn limits(log: usize, log_rate: usize) -> Limits {
        Limits { log: Bytes(log), log_rate: Bytes(log_rate), ..Limits::default() }
    }

    fn admit_all(limits: &Limits, lines: usize) -> (usize, u64) {
        let metrics = LogMetrics::new(&mut Registry::default());
        let rate = LogRate::new(limits, &metrics, "a");
        let mut budget = LogBudget::new(limits);
        let admitted: Vec<_> = (0..lines).map(|_| budget.admit(&rate, 744)).collect();
        assert_eq!(admitted.iter().filter(|admitted| **admitted == Admitted::FirstDropped).count(), 1);
        (admitted.iter().filter(|admitted| **admitted == Admitted::Yes).count(), rate.dropped.get())
    }

    #[test]
    fn an_invocation_logs_up_to_its_bound() {
        assert_eq!(admit_all(&limits(10_000, 1 << 30), 25), (10, 15));
    }

    #[test]
    fn the_host_says_no_more_of_a_service_than_that_may_say_itself() {
        let rate = LogRate::new(&limits(0, 10 * HOST_LINE), &LogMetrics::new(&mut Registry::default()), "a");
        let mut told = 0;
        (0..1_000).for_each(|_| rate.tell(|| told += 1));
        assert!((10..500).contains(&told) && rate.dropped.get() == 1_000 - told, "{told}");
    }

    #[test]
    fn all_of_a_service_log_up_to_its_rate() {
        let (admitted, dropped) = admit_all(&limits(1 << 30, 10_000), 100);
        assert!((10..50).contains(&admitted) && dropped == 100 - admitted as u64, "{admitted}, {dropped}");
    }
}
