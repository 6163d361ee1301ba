//! Why Redis cannot be used just now, in the server's own words, and what mends it.

use std::time::Duration;

use redis::{ErrorKind, RedisError};

/// Why Redis cannot be used. The same reason has the same text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Redis: {reason}; {mend}")]
pub struct Absence {
    /// What the server or the system says.
    pub reason: String,
    /// What to do about it, as the second half of a sentence.
    pub mend: String,
}

impl Absence {
    pub(super) fn new(error: &RedisError) -> Self {
        Self { reason: error.to_string(), mend: mend(error) }
    }

    pub(super) fn no_answer(timeout: Duration) -> Self {
        let mend = "is a firewall between, or does the server hang? See `url` under [backends.redis]";
        Self { reason: format!("no answer within {timeout:?}"), mend: mend.to_owned() }
    }
}

/// What mends what the server refuses, by the first word of its reply.
fn mend(error: &RedisError) -> String {
    let mend = match error.code() {
        Some("NOPERM") => return give_right(error),
        Some("NOAUTH" | "WRONGPASS") => "correct user and password of `url` under [backends.redis]",
        Some("LOADING") => "it loads its data: wait",
        Some("READONLY" | "MASTERDOWN") => "it is a replica: name the primary in `url` under [backends.redis]",
        Some(_) => "see the log of Redis",
        None if error.kind() == ErrorKind::AuthenticationFailed => {
            "correct user and password of `url` under [backends.redis]"
        }
        None => "start Redis there, or correct `url` under [backends.redis]",
    };
    mend.to_owned()
}

/// The reply has the command between quotes: `NOPERM User app has no permissions to run the 'ping' command`.
fn give_right(error: &RedisError) -> String {
    let command = error.detail().and_then(|detail| detail.split('\'').nth(1)).unwrap_or("…");
    format!(
        "give the right: ACL SETUSER <user> +{command} in Redis, or use another user in `url` under [backends.redis]"
    )
}
