//! Whether the servers behind the capabilities answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a backend did not answer during an invocation: then its failure says nothing of the request or record.
#[derive(Clone, Debug, Default)]
pub struct BackendAway(Arc<AtomicBool>);

impl BackendAway {
    /// Notes that a backend did not answer. It holds for the rest of the invocation, and for all clones.
    pub fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether that was noted.
    pub fn noted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
