//! The epoch clock: interrupts the guests of all engines of the process, so that each looks at what it has used.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wasmtime::EngineWeak;

/// How often running guests are interrupted to look at what they have used, and so the grain of limits of processor time and
/// of turns on the processor. A tick costs each running guest about a microsecond.
pub(crate) const EPOCH_TICK: Duration = Duration::from_millis(1);

/// The same while no guest runs: a host without work wakes the machine a hundred times a second, and not a thousand.
const IDLE_TICK: Duration = Duration::from_millis(10);

/// Whether a guest has run since the last tick.
static IS_NEEDED: AtomicBool = AtomicBool::new(false);

/// The engines whose guests are interrupted. Where there are any, the clock's thread runs.
static ENGINES: Mutex<Vec<EngineWeak>> = Mutex::new(Vec::new());

/// Interrupts the guests of this engine too, until it ends.
pub(crate) fn drive(engine: EngineWeak) {
    let mut engines = engines();
    engines.push(engine);
    if engines.len() == 1 {
        // A thread of its own, because a blocked async runtime must not stop the clock that interrupts guests.
        std::thread::Builder::new().name("epoch".to_owned()).spawn(run).expect("a thread can be started at start-up");
    }
}

/// A guest runs: the next tick comes soon. Only the first to say so after a tick writes what all processors share.
pub(crate) fn need() {
    if !IS_NEEDED.load(Ordering::Relaxed) {
        IS_NEEDED.store(true, Ordering::Relaxed);
    }
}

fn run() {
    while tick() {
        std::thread::sleep(if IS_NEEDED.swap(false, Ordering::Relaxed) { EPOCH_TICK } else { IDLE_TICK });
    }
}

/// Whether there is an engine left.
fn tick() -> bool {
    let mut engines = engines();
    engines.retain(|engine| engine.upgrade().inspect(wasmtime::Engine::increment_epoch).is_some());
    !engines.is_empty()
}

fn engines() -> MutexGuard<'static, Vec<EngineWeak>> {
    ENGINES.lock().unwrap_or_else(PoisonError::into_inner)
}
