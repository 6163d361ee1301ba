//! Why a component has not handled a record.

/// Why the component has not handled a record.
pub(super) enum Refusal {
    /// It may do so later.
    Retry(String),
    /// It never will.
    Reject(String),
}
