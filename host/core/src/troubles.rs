//! What is wrong with a service that runs, for those who run the host.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// By what they are about, a partition say; one at a time of each.
#[derive(Debug, Default)]
pub struct Troubles(Mutex<BTreeMap<String, Trouble>>);

#[derive(Debug, PartialEq, Eq)]
enum Trouble {
    /// It stands still until somebody does what the text says.
    Hold(String),
    /// It goes on, and may not for long.
    Warning(String),
}

impl Troubles {
    /// It stands still. True if that is new.
    pub fn hold(&self, what: String, text: String) -> bool {
        self.change(what, Trouble::Hold(text))
    }

    /// It may come to stand still. True if that is new.
    pub fn warn(&self, what: String, text: String) -> bool {
        self.change(what, Trouble::Warning(text))
    }

    /// It goes on, or is not ours any more.
    pub fn over(&self, what: &str) {
        self.all().remove(what);
    }

    /// What stands still, and what to do.
    pub fn holds(&self) -> Vec<String> {
        let text = |trouble: &Trouble| match trouble {
            Trouble::Hold(text) => Some(text.clone()),
            Trouble::Warning(_) => None,
        };
        self.all().values().filter_map(text).collect()
    }

    /// What goes on, and may not for long.
    pub fn warnings(&self) -> Vec<String> {
        let text = |trouble: &Trouble| match trouble {
            Trouble::Hold(_) => None,
            Trouble::Warning(text) => Some(text.clone()),
        };
        self.all().values().filter_map(text).collect()
    }

    fn change(&self, what: String, trouble: Trouble) -> bool {
        let mut all = self.all();
        let is_new = all.get(&what) != Some(&trouble);
        all.insert(what, trouble);
        is_new
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Trouble>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
