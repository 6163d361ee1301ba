//! The processor time of one invocation.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::UpdateDeadline;

use crate::engine::EPOCH_TICK;
use crate::limits::LimitExceeded;

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
