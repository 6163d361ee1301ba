//! Why a version did not go live, or did not stay.

use std::fmt::Display;

/// The step of a version's life that it did not take, and why.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{step}: {reason}")]
pub struct Rejected {
    pub step: &'static str,
    pub reason: String,
}

impl Rejected {
    pub fn at(step: &'static str) -> impl Fn(&dyn Display) -> Self {
        move |reason| Self { step, reason: reason.to_string() }
    }
}
