//! What each service has logged last: a bounded number of lines, for those who ask the admin port.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Of each service: enough to see what led to a failure, and no more than a busy host can spare for hundreds of services.
const MAX_LINES: usize = 1000;
const MAX_BYTES: usize = 256 * 1024;

/// Of this process, as the log is.
pub static RECENT: LazyLock<Recent> = LazyLock::new(Recent::default);

/// The lines of all services.
#[derive(Default)]
pub struct Recent(Mutex<HashMap<String, Arc<Ring>>>);

impl Recent {
    /// The lines of one service.
    pub fn ring(&self, service: &str) -> Arc<Ring> {
        let mut rings = lock(&self.0);
        if let Some(ring) = rings.get(service) {
            return ring.clone();
        }
        rings.entry(service.to_owned()).or_default().clone()
    }
}

/// The last lines of one service.
#[derive(Default)]
pub struct Ring {
    kept: Mutex<Kept>,
    pushed: Notify,
}

/// Each line has a number, counted from 0; those that are kept are the last before `next`.
#[derive(Default)]
struct Kept {
    lines: VecDeque<Arc<str>>,
    bytes: usize,
    next: u64,
}

/// What is there for someone who has read the lines before some number.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch {
    /// How many lines this reader was too slow for.
    pub lost: u64,
    /// Each as JSON, without a line feed, the oldest first.
    pub lines: Vec<Arc<str>>,
    /// Where to read on.
    pub next: u64,
}

impl Ring {
    /// Adds a line, which is JSON, and lets the oldest go: past 1,000 lines or 256 KiB. Whoever waits is woken.
    pub fn push(&self, line: Arc<str>) {
        let mut kept = lock(&self.kept);
        kept.bytes += line.len();
        kept.lines.push_back(line);
        kept.next += 1;
        while kept.lines.len() > MAX_LINES || (kept.bytes > MAX_BYTES && kept.lines.len() > 1) {
            let oldest = kept.lines.pop_front().map_or(0, |line| line.len());
            kept.bytes -= oldest;
        }
        drop(kept);
        self.pushed.notify_waiters();
    }

    /// All that are kept: whoever begins to read has lost nothing.
    pub fn recent(&self) -> Batch {
        let oldest = lock(&self.kept).oldest();
        self.since(oldest)
    }

    /// What has come from this number on; waits until something has.
    pub async fn after(&self, from: u64) -> Batch {
        loop {
            let pushed = self.pushed.notified();
            let batch = self.since(from);
            if batch.next > from {
                return batch;
            }
            pushed.await;
        }
    }

    fn since(&self, from: u64) -> Batch {
        let kept = lock(&self.kept);
        let lost = kept.oldest().saturating_sub(from);
        let new = usize::try_from(kept.next - from.min(kept.next)).unwrap_or(usize::MAX).min(kept.lines.len());
        let lines = kept.lines.range(kept.lines.len() - new..).cloned().collect();
        Batch { lost, lines, next: kept.next }
    }
}

impl Kept {
    fn oldest(&self) -> u64 {
        self.next - self.lines.len() as u64
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring_of(lines: usize) -> Ring {
        let ring = Ring::default();
        (0..lines).for_each(|line| ring.push(line.to_string().into()));
        ring
    }

    #[test]
    fn the_last_lines_are_kept() {
        let Batch { lost, lines, next } = ring_of(MAX_LINES + 7).recent();
        assert_eq!((lost, lines.len(), &*lines[0], next), (0, MAX_LINES, "7", MAX_LINES as u64 + 7));
    }

    #[test]
    fn long_lines_leave_room_for_fewer() {
        let ring = Ring::default();
        let long = "x".repeat(MAX_BYTES / 4);
        (0..9).for_each(|_| ring.push(long.as_str().into()));
        assert_eq!(ring.recent().lines.len(), 4);
        ring.push("x".repeat(MAX_BYTES * 2).into());
        assert_eq!(ring.recent().lines.len(), 1);
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_how_many_lines_it_has_lost() {
        let ring = ring_of(3);
        let Batch { next, .. } = ring.recent();
        (0..MAX_LINES + 5).for_each(|line| ring.push(line.to_string().into()));
        let batch = ring.after(next).await;
        assert_eq!((batch.lost, batch.lines.len(), &*batch.lines[0]), (5, MAX_LINES, "5"));
    }

    #[tokio::test]
    async fn a_reader_waits_for_the_next_line() {
        let ring = Arc::new(ring_of(1));
        let reader = tokio::spawn({
            let ring = ring.clone();
            async move { ring.after(1).await }
        });
        tokio::task::yield_now().await;
        ring.push("next".into());
        assert_eq!(reader.await.unwrap(), Batch { lost: 0, lines: vec!["next".into()], next: 2 });
    }
}
