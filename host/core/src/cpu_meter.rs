//! The processor time of one invocation.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::UpdateDeadline;

use crate::epoch::{self, EPOCH_TICK};
use crate::limits::LimitExceeded;
use crate::worker_turn::WorkerTurn;

/// The processor time that one invocation has used, so that neither waiting for I/O nor a busy machine is held against the
/// guest, and whether it is one that takes long.
///
/// The thread's own clock says it, which takes two system calls each time that the guest is resumed. Most turns end within
/// an epoch tick: until then, the cheap wall clock stands in for it.
#[derive(Debug)]
pub struct CpuMeter {
    budget: Duration,
    /// Nanoseconds up to the last time that the guest was suspended.
    used: AtomicU64,
    /// What it has used of the present turn before the exact clock was asked.
    estimated: AtomicU64,
    /// The clock when the guest was last resumed, or when the exact one was first asked.
    resumed_at: AtomicU64,
    /// Whether that is the thread's clock.
    is_exact: AtomicBool,
    /// Whether the guest has had a turn that was too long for a thread that also does I/O.
    is_long: AtomicBool,
    /// The present turn, where a worker takes it.
    pub turn: WorkerTurn,
}

/// A turn that was shorter than this when a tick came has only just begun.
const MERELY_BEGUN: u64 = nanos(EPOCH_TICK) / 2;

impl CpuMeter {
    /// A meter that ends the guest when it has used `budget`, within two ticks of the epoch clock.
    pub fn new(budget: Duration) -> Self {
        let zero = || AtomicU64::new(0);
        let (is_exact, is_long) = (AtomicBool::new(false), AtomicBool::new(false));
        let turn = WorkerTurn::default();
        Self { budget, used: zero(), estimated: zero(), resumed_at: zero(), is_exact, is_long, turn }
    }

    /// Begins at nothing, for another invocation.
    pub fn start(&self) {
        self.used.store(0, Ordering::Relaxed);
        self.is_exact.store(false, Ordering::Relaxed);
        self.is_long.store(false, Ordering::Relaxed);
        epoch::need();
    }

    /// Called on the guest's own thread at each epoch tick that it is running in. A turn is long by the thread's clock alone:
    /// a thread that had to wait for its processor has seen ticks, too.
    ///
    /// # Errors
    /// The budget is used up.
    pub fn on_tick(&self) -> wasmtime::Result<UpdateDeadline> {
        epoch::need();
        let turn = self.since_resumed();
        if turn >= MERELY_BEGUN && !self.is_exact.load(Ordering::Relaxed) {
            self.estimated.store(turn, Ordering::Relaxed);
            self.is_exact.store(true, Ordering::Relaxed);
            self.resumed_at.store(self.now(), Ordering::Relaxed);
        } else if turn >= MERELY_BEGUN {
            self.is_long.store(true, Ordering::Relaxed);
        }
        let used = Duration::from_nanos(self.used.load(Ordering::Relaxed) + self.turn());
        if used > self.budget {
            return Err(LimitExceeded::Cpu(self.budget).into());
        }
        Ok(if self.is_long() { UpdateDeadline::Yield(1) } else { UpdateDeadline::Continue(1) })
    }

    /// Whether the guest is to go on where nobody waits for its thread.
    pub(crate) fn is_long(&self) -> bool {
        self.is_long.load(Ordering::Relaxed)
    }

    /// The guest takes long whatever it has used yet, and so yields at each tick.
    pub(crate) fn expect_long(&self) {
        self.is_exact.store(true, Ordering::Relaxed);
        self.is_long.store(true, Ordering::Relaxed);
    }

    /// A turn of the guest begins.
    pub(crate) fn resume(&self) {
        self.estimated.store(0, Ordering::Relaxed);
        self.resumed_at.store(self.now(), Ordering::Relaxed);
    }

    /// It ends, and has taken so many nanoseconds.
    pub(crate) fn suspend(&self) -> u64 {
        let turn = self.turn();
        self.used.fetch_add(turn, Ordering::Relaxed);
        turn
    }

    fn turn(&self) -> u64 {
        self.estimated.load(Ordering::Relaxed) + self.since_resumed()
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

#[expect(clippy::cast_possible_truncation, reason = "they are of a few milliseconds")]
const fn nanos(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}
