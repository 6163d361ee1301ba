//! Stops the process at a named step of a version's life, so that a test can kill it there. Builds that ship have none of it.

use componentd_core::history::By;
use componentd_core::step::Step;

/// A step has been taken, and what follows it has not begun. With debug assertions, `COMPONENTD_STOP_AT=<step>` has the process
/// stop itself here, as SIGSTOP does. Not at a start: there, all services take these steps before the one that a test is about.
#[cfg(debug_assertions)]
pub(crate) fn taken(step: Step, by: By) {
    use rustix::process::{Signal, getpid, kill_process};

    if by != By::Start && componentd_config::stop_at().as_deref() == Some(step.name()) {
        // That the signal cannot be sent, the test would see.
        let _ = kill_process(getpid(), Signal::STOP);
        // Another thread may be the one that takes the signal, a moment later, in which this one is not to go on.
        loop {
            std::thread::park();
        }
    }
}

#[cfg(not(debug_assertions))]
pub fn taken(_: Step, _: By) {}
