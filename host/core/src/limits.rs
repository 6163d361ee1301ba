//! The bounds of one invocation: memory, processor time, and the place in the service's queue.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use componentd_config as config;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{ResourceLimiter, UpdateDeadline};

use crate::engine::EPOCH_TICK;
use crate::metrics::Outcome;

/// Entries over all tables of an instance. A component of a common toolchain has one function table of some thousands.
const MAX_TABLE_ELEMENTS: usize = 100_000;

/// A bound that a guest ran into, as its trap's cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitExceeded {
    /// Linear memory, over all core modules of the instance; the bound in bytes.
    #[error("the component needs more than {0} bytes of linear memory (limits.memory)")]
    Memory(usize),
    /// Table entries, over all core modules of the instance; the bound.
    #[error("the component needs more than {0} table entries")]
    Table(usize),
    /// Processor time of the invocation; the bound.
    #[error("the component has used up its processor time of {0:?} (limits.cpu)")]
    Cpu(Duration),
}

impl LimitExceeded {
    /// What it is among the measurements. Tables are memory as well.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Memory(_) | Self::Table(_) => Outcome::Memory,
            Self::Cpu(_) => Outcome::Cpu,
        }
    }
}

/// Counts the linear memory and table entries of one instance, over all its core modules.
#[derive(Debug)]
pub struct MemoryLimiter {
    max_memory: usize,
    memory: usize,
    table_elements: usize,
}

impl MemoryLimiter {
    /// A limiter for a new instance, by `limits.memory`.
    pub fn new(limits: &config::Limits) -> Self {
        Self { max_memory: limits.memory.0, memory: 0, table_elements: 0 }
    }

    /// Whether so much is used up that another invocation in this instance could run out of it.
    pub fn is_short(&self) -> bool {
        self.memory > self.max_memory / 2
    }
}

impl ResourceLimiter for MemoryLimiter {
    /// A trap, not a failed `memory.grow`: allocators answer that with an abort, which hides the cause.
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.memory = self.memory - current + desired;
        if self.memory > self.max_memory { Err(LimitExceeded::Memory(self.max_memory).into()) } else { Ok(true) }
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.table_elements = self.table_elements - current + desired;
        if self.table_elements > MAX_TABLE_ELEMENTS {
            return Err(LimitExceeded::Table(MAX_TABLE_ELEMENTS).into());
        }
        Ok(true)
    }
}

/// The processor time that one invocation has used, so that neither waiting for I/O nor a busy machine is held against the
/// guest.
///
/// The thread's own clock says it, which takes two system calls each time that the guest is resumed. Most invocations end
/// before the first epoch tick: until then, the cheap wall clock stands in for it.
#[derive(Debug)]
pub struct CpuMeter {
    budget: Duration,
    /// Nanoseconds up to the last time that the guest was suspended.
    used: AtomicU64,
    /// The clock when the guest was last resumed.
    resumed_at: AtomicU64,
    /// Whether that is the thread's clock.
    is_exact: AtomicBool,
}

impl CpuMeter {
    /// A meter that ends the guest when it has used `budget`, within a tick of the epoch clock.
    pub fn new(budget: Duration) -> Self {
        Self { budget, used: AtomicU64::new(0), resumed_at: AtomicU64::new(0), is_exact: AtomicBool::new(false) }
    }

    /// Begins at nothing, for another invocation.
    pub fn start(&self) {
        self.used.store(0, Ordering::Relaxed);
        self.is_exact.store(false, Ordering::Relaxed);
    }

    /// Called on the guest's own thread at each epoch tick that it is running in.
    ///
    /// # Errors
    /// The budget is used up.
    pub fn on_tick(&self) -> wasmtime::Result<UpdateDeadline> {
        if !self.is_exact.load(Ordering::Relaxed) {
            self.suspend();
            self.is_exact.store(true, Ordering::Relaxed);
            self.resume();
        }
        let used = Duration::from_nanos(self.used.load(Ordering::Relaxed) + self.since_resumed());
        if used > self.budget { Err(LimitExceeded::Cpu(self.budget).into()) } else { Ok(UpdateDeadline::Yield(1)) }
    }

    fn resume(&self) {
        self.resumed_at.store(self.now(), Ordering::Relaxed);
    }

    fn suspend(&self) {
        self.used.fetch_add(self.since_resumed(), Ordering::Relaxed);
    }

    /// What the wall clock shows beyond a tick is time in which others had the processor.
    fn since_resumed(&self) -> u64 {
        let passed = self.now().saturating_sub(self.resumed_at.load(Ordering::Relaxed));
        if self.is_exact.load(Ordering::Relaxed) { passed } else { passed.min(nanos(EPOCH_TICK)) }
    }

    fn now(&self) -> u64 {
        let is_exact = self.is_exact.load(Ordering::Relaxed);
        let time = clock_gettime(if is_exact { ClockId::ThreadCPUTime } else { ClockId::Monotonic });
        time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Runs `guest`, and counts the time of each poll: between polls the guest is suspended.
pub struct Metered<F> {
    /// The call, in the one box that it stays in.
    pub guest: Pin<Box<F>>,
    /// What the time is counted with.
    pub meter: Arc<CpuMeter>,
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.meter.resume();
        let poll = self.guest.as_mut().poll(context);
        self.meter.suspend();
        poll
    }
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
    pub fn new(limits: &config::Limits) -> Self {
        let running = Arc::new(Semaphore::new(limits.concurrency));
        let concurrency = u32::try_from(limits.concurrency).unwrap_or(u32::MAX);
        Self { running, concurrency, waiting: AtomicUsize::new(0), queue: limits.queue }
    }

    /// A place among the running, which lasts as long as the permit.
    ///
    /// # Errors
    /// [`Saturated`] where as many wait already as may.
    pub async fn enter(&self) -> Result<OwnedSemaphorePermit, Saturated> {
        if let Ok(permit) = self.running.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let _place = self.queue_up()?;
        Ok(self.wait().await)
    }

    /// The same without a bound on the queue, for callers that are bounded themselves.
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

    #[test]
    fn tables_are_memory_among_the_measurements() {
        let mut limiter = MemoryLimiter::new(&config::Limits::default());
        assert!(limiter.table_growing(0, MAX_TABLE_ELEMENTS, None).unwrap());
        let error = limiter.table_growing(MAX_TABLE_ELEMENTS, MAX_TABLE_ELEMENTS + 1, None).unwrap_err();
        assert_eq!(error.downcast_ref::<LimitExceeded>().unwrap().outcome(), Outcome::Memory);
    }

    #[tokio::test]
    async fn the_queue_is_bounded_and_places_come_back() {
        let admission = Admission::new(&config::Limits { concurrency: 1, queue: 1, ..Default::default() });
        let running = admission.enter().await.unwrap();
        let mut waiting = Box::pin(admission.enter());
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert_eq!(admission.enter().await.unwrap_err(), Saturated);
        drop(running);
        drop(waiting.await.unwrap());
        drop(admission.enter().await.unwrap());
    }
}
