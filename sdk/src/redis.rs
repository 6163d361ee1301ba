//! Redis: the host's commands, and what their errors mean to a client of the component.

use crate::http::Problem;
pub use crate::wit::componentd::redis::client::{
    Error, SetOptions, delete, exists, expire, get, get_many, increment, set,
};

/// How long an entry lives, and that it replaces an earlier one.
impl SetOptions {
    /// The entry stays until it is deleted.
    pub fn forever() -> Self {
        Self { ttl_ms: None, if_absent: false }
    }

    /// The entry is gone after this time.
    pub fn expiring(ttl: std::time::Duration) -> Self {
        let milliseconds = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        Self { ttl_ms: Some(milliseconds), if_absent: false }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(_) | Error::Timeout(_) => Problem::unavailable(error),
            other => Problem::internal(other),
        }
    }
}
