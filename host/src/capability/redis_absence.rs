//! Why Redis cannot be used just now, in the server's own words, and what mends it.

use std::time::Duration;

use redis::{ErrorKind, RedisError};

/// Why Redis cannot be used. The same reason has the same text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Redis: {reason}; {mend}")]
pub struct Absence {
    /// What the server or the system says.
    pub reason: String,
    pub mend: String,
}

impl Absence {
    pub(super) fn new(error: &RedisError) -> Self {
        Self { reason: error.to_string(), mend: mend(error).to_owned() }
    }

    pub(super) fn no_answer(timeout: Duration) -> Self {
        let mend = "is a firewall between, or does the server hang? See `url` under [backends.redis]";
        Self { reason: format!("no answer within {timeout:?}"), mend: mend.to_owned() }
    }
}

/// What mends what the server refuses, by the first word of its reply.
fn mend(error: &RedisError) -> &'static str {
    match error.code() {
        Some("NOAUTH" | "WRONGPASS") => "correct user and password of `url` under [backends.redis]",
        Some("NOPERM") => {
            "let the user do that: ACL SETUSER … in Redis, or use another user in `url` under [backends.redis]"
        }
        Some("LOADING") => "it loads its data: wait",
        Some("READONLY" | "MASTERDOWN") => "it is a replica: name the primary in `url` under [backends.redis]",
        Some(_) => "see the log of Redis",
        None if error.kind() == ErrorKind::AuthenticationFailed => {
            "correct user and password of `url` under [backends.redis]"
        }
        None => "start Redis there, or correct `url` under [backends.redis]",
    }
}
