//! In which order services make ready what they share, a database say: that of the manifest, however many do so side by side.
//!
//! Whose the migrations are that an older host has applied may depend on the order, and must not on chance.

use std::collections::BTreeMap;

use componentd_core::granted::Granted;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Gives out turns, in the order in which it is asked.
#[derive(Default)]
pub struct Turns(BTreeMap<String, CancellationToken>);

/// The turn of one service in all that it shares, until it is dropped.
#[derive(Default)]
pub struct Turn {
    before: Vec<CancellationToken>,
    _over: Option<DropGuard>,
}

impl Turns {
    /// The turn of a service with these grants: after all before it that share a database with it.
    pub fn next(&mut self, granted: &Granted) -> Turn {
        let over = CancellationToken::new();
        let before = granted.shared().into_iter().filter_map(|name| self.0.insert(name, over.clone())).collect();
        Turn { before, _over: Some(over.drop_guard()) }
    }
}

impl Turn {
    /// Waits until those that came before are done, well or not.
    pub async fn begin(&self) {
        for before in &self.before {
            before.cancelled().await;
        }
    }
}
