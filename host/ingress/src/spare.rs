//! Descriptors that are kept free for a listener that must be reached also when the process has no more of them.

use std::fs::File;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many files that are open for nothing but their descriptors.
#[derive(Debug)]
pub(crate) struct Spare {
    wanted: usize,
    kept: Mutex<Vec<File>>,
}

impl Spare {
    /// As many as can be had now.
    pub(crate) fn new(wanted: usize) -> Self {
        let spare = Self { wanted, kept: Mutex::default() };
        spare.refill();
        spare
    }

    fn lock(&self) -> MutexGuard<'_, Vec<File>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives one up, for a connection. False where there is none.
    pub(crate) fn give(&self) -> bool {
        self.lock().pop().is_some()
    }

    /// Takes back what was given up, as far as there are descriptors again.
    pub(crate) fn refill(&self) {
        if self.wanted == 0 {
            return;
        }
        let mut kept = self.lock();
        while kept.len() < self.wanted {
            let Ok(file) = File::open("/dev/null") else { return };
            kept.push(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_is_taken_back() {
        let spare = Spare::new(2);
        assert!(spare.give() && spare.give() && !spare.give());
        spare.refill();
        assert!(spare.give());
    }
}
