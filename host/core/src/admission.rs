//! The places of a service: how many invocations run, and how many wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use componentd_config as config;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many places. More than a semaphore can have are as good as no bound.
pub fn places(count: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)))
}

/// Lets so many invocations of a service run, so many more wait, and turns the rest away.
#[derive(Debug)]
pub struct Admission {
    running: Arc<Semaphore>,
    concurrency: u32,
    waiting: AtomicUsize,
    queue: usize,
}

/// The queue is full.
#[derive(Debug, PartialEq, Eq)]
pub struct Saturated;

impl Admission {
    /// As many run as `limits.concurrency`, and as many wait as `limits.queue`.
    ///
    /// One of a component with several linear memories counts as so many: in the pool that is what it takes from others.
    pub fn new(limits: &config::Limits, memories: usize) -> Self {
        let concurrency = (limits.concurrency / memories.max(1)).max(1);
        let running = Arc::new(Semaphore::new(concurrency));
        let concurrency = u32::try_from(concurrency).unwrap_or(u32::MAX);
        Self { running, concurrency, waiting: AtomicUsize::new(0), queue: limits.queue }
    }

    /// A place among the running, which lasts as long as the permit.
    ///
    /// # Errors
    /// [`Saturated`] where as many wait already as may.
    pub async fn enter(&self) -> Result<OwnedSemaphorePermit, Saturated> {
        if let Some(permit) = self.try_enter() {
            return Ok(permit);
        }
        let _place = self.queue_up()?;
        Ok(self.wait().await)
    }

    /// A place that is free now.
    pub fn try_enter(&self) -> Option<OwnedSemaphorePermit> {
        self.running.clone().try_acquire_owned().ok()
    }

    /// The same as [`Admission::enter`] without a bound on the queue, for callers that are bounded themselves.
    pub async fn wait(&self) -> OwnedSemaphorePermit {
        self.running.clone().acquire_owned().await.expect("this semaphore is never closed")
    }

    /// Waits until nothing runs.
    pub async fn idle(&self) {
        let _all = self.running.acquire_many(self.concurrency).await.expect("this semaphore is never closed");
    }

    fn queue_up(&self) -> Result<Place<'_>, Saturated> {
        let place = Place(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) < self.queue { Ok(place) } else { Err(Saturated) }
    }
}

/// A place in the queue, given back also when its owner is cancelled.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_queue_is_bounded_and_places_come_back() {
        let admission = Admission::new(&config::Limits { concurrency: 1, queue: 1, ..Default::default() }, 1);
        let running = admission.enter().await.unwrap();
        let mut waiting = Box::pin(admission.enter());
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert_eq!(admission.enter().await.unwrap_err(), Saturated);
        drop(running);
        drop(waiting.await.unwrap());
        drop(admission.enter().await.unwrap());
    }
}
