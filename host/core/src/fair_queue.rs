//! Long calls that wait for a worker: fair between services, however many calls each has.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::share::Share;

/// What waits, by service. The service whose long calls have had the least processor time is next.
#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    services: Vec<Waiting<T>>,
    /// The virtual time of the service that was last at its turn. One that comes back after a pause begins here: it has saved
    /// up nothing, and owes nothing.
    now: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    share: Arc<Share>,
    calls: VecDeque<T>,
}

/// Where a call goes among those of its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    /// Its turn is not over.
    First,
    /// It is behind the others.
    Last,
}

impl<T> FairQueue<T> {
    pub(crate) const fn new() -> Self {
        Self { services: Vec::new(), now: 0 }
    }

    pub(crate) fn push(&mut self, share: &Arc<Share>, call: T, rank: Rank) {
        let waiting = match self.services.iter().position(|waiting| Arc::ptr_eq(&waiting.share, share)) {
            Some(at) => &mut self.services[at],
            None => {
                share.virtual_time.fetch_max(self.now, Ordering::Relaxed);
                self.services.push(Waiting { share: share.clone(), calls: VecDeque::new() });
                self.services.last_mut().expect("one was pushed")
            }
        };
        match rank {
            Rank::First => waiting.calls.push_front(call),
            Rank::Last => waiting.calls.push_back(call),
        }
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        let virtual_time = |waiting: &Waiting<T>| waiting.share.virtual_time.load(Ordering::Relaxed);
        let (at, _) = self.services.iter().enumerate().min_by_key(|(_, waiting)| virtual_time(waiting))?;
        let next = &mut self.services[at];
        self.now = self.now.max(virtual_time(next));
        let call = next.calls.pop_front();
        if next.calls.is_empty() {
            self.services.swap_remove(at);
        }
        call
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ProcessorTime;

    /// Pops so many calls, each of which takes a turn of this length and waits again; returns how many were of each service.
    fn turns(queue: &mut FairQueue<usize>, shares: &[Arc<Share>], count: usize) -> Vec<usize> {
        let mut had = vec![0; shares.len()];
        for _ in 0..count {
            let service = queue.pop().unwrap();
            had[service] += 1;
            shares[service].virtual_time.fetch_add(1000, Ordering::Relaxed);
            queue.push(&shares[service], service, Rank::Last);
        }
        had
    }

    fn shares(count: usize) -> Vec<Arc<Share>> {
        (0..count).map(|_| Arc::new(Share::new(u64::MAX, ProcessorTime::default()))).collect()
    }

    #[test]
    fn a_service_with_many_calls_has_one_share() {
        let (mut queue, shares) = (FairQueue::new(), shares(2));
        (0..16).for_each(|_| queue.push(&shares[0], 0, Rank::Last));
        queue.push(&shares[1], 1, Rank::Last);
        assert_eq!(turns(&mut queue, &shares, 100), [50, 50]);
    }

    #[test]
    fn who_comes_late_has_saved_up_nothing() {
        let (mut queue, shares) = (FairQueue::new(), shares(2));
        queue.push(&shares[0], 0, Rank::Last);
        turns(&mut queue, &shares, 100);
        queue.push(&shares[1], 1, Rank::Last);
        assert_eq!(turns(&mut queue, &shares, 100), [50, 50]);
    }

    #[test]
    fn a_turn_that_is_not_over_goes_on() {
        let (mut queue, shares) = (FairQueue::new(), shares(1));
        for (call, rank) in [(1, Rank::Last), (2, Rank::Last), (3, Rank::First)] {
            queue.push(&shares[0], call, rank);
        }
        assert_eq!([queue.pop(), queue.pop(), queue.pop(), queue.pop()], [Some(3), Some(1), Some(2), None]);
    }
}
