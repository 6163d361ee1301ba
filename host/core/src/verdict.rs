//! What a grant says of itself, for people: `componentd check` and `componentd explain`.

use std::fmt;

/// One thing that a grant lets a service do. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// What may be done: `read`, `produce`.
    pub name: &'static str,
    /// With what: a pattern of keys, a topic, an origin.
    pub of: String,
}

impl Right {
    /// `name` may be done with `of`.
    pub fn new(name: &'static str, of: impl fmt::Display) -> Self {
        Self { name, of: of.to_string() }
    }
}

/// Whether an action is allowed, with the reason: what of the manifest says so, or what would have to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Allowed(String),
    /// It is not.
    Denied(String),
}
