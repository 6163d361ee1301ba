//! Whether Redis lets the host do what a grant promises to a component: its users may be kept from commands and from keys.
//!
//! Redis looks at a user's rights before it looks at a command's arguments. So commands are sent whose arguments it refuses,
//! and nothing is changed.

use std::time::Duration;

use componentd_config::KeyPattern;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, RedisError, Value, cmd};

use super::absence::Absence;
use super::config::RedisBackend;

/// The answer to a command that the user has no right to.
const NO_RIGHT: &str = "NOPERM";

/// A connection of its own. It does not reconnect: what is queued in a transaction must never run outside of one.
pub struct Rights {
    connection: MultiplexedConnection,
    user: String,
    timeout: Duration,
}

impl Rights {
    /// Connects.
    ///
    /// # Errors
    /// The server does not answer within `timeout`, or does not let us in.
    pub async fn new(backend: &RedisBackend, timeout: Duration) -> Result<Self, Absence> {
        let user = backend.url.username();
        let user = if user.is_empty() { "default" } else { user }.to_owned();
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(timeout)).set_response_timeout(Some(timeout));
        let absent = |error: RedisError| absence(&error, timeout);
        let client = Client::open(backend.url.as_str()).map_err(absent)?;
        let connection = client.get_multiplexed_async_connection_with_config(&config).await.map_err(absent)?;
        Ok(Self { connection, user, timeout })
    }

    /// Whether the user may read keys of such a pattern, by all the commands that the interface has for it.
    ///
    /// # Errors
    /// It may not, or the server does not answer.
    pub async fn read(&mut self, pattern: &KeyPattern) -> Result<(), Absence> {
        let key = pattern.to_string();
        let mut denied = Denied::default();
        denied.note("getrange", self.reply(cmd("getrange").arg(&key).arg(0).arg(0)).await?);
        for name in ["strlen", "exists"] {
            denied.note(name, self.reply(cmd(name).arg(&key)).await?);
        }
        // Nothing is queued in it.
        for name in ["multi", "exec"] {
            denied.note(name, self.reply(&cmd(name)).await?);
        }
        denied.mend(&self.user, pattern)
    }

    /// Whether the user may write keys of such a pattern, by all the commands that the interface has for it.
    ///
    /// # Errors
    /// It may not, or the server does not answer.
    pub async fn write(&mut self, pattern: &KeyPattern) -> Result<(), Absence> {
        let key = pattern.to_string();
        let mut denied = Denied::default();
        denied.note("set", self.reply(cmd("set").arg(&key).arg("").arg("NX").arg("XX")).await?);
        for name in ["incrby", "pexpire"] {
            denied.note(name, self.reply(cmd(name).arg(&key).arg("no number")).await?);
        }
        denied.note("del", self.try_deletion(&key).await?);
        denied.mend(&self.user, pattern)
    }

    /// A deletion has no arguments that are refused, so it is queued in a transaction that is given up. Where the user may
    /// have no transaction, nothing is known.
    async fn try_deletion(&mut self, key: &str) -> Result<Result<(), RedisError>, Absence> {
        if self.reply(&cmd("multi")).await?.is_err() {
            return Ok(Ok(()));
        }
        let queued = self.reply(cmd("del").arg(key)).await?;
        self.reply(&cmd("discard")).await?.map_err(|error| absence(&error, self.timeout))?;
        Ok(queued)
    }

    /// What the server says, if it says anything.
    async fn reply(&mut self, command: &Cmd) -> Result<Result<(), RedisError>, Absence> {
        match command.query_async::<Value>(&mut self.connection).await {
            Ok(_) => Ok(Ok(())),
            Err(error) if error.code().is_some() => Ok(Err(error)),
            Err(error) => Err(absence(&error, self.timeout)),
        }
    }
}

fn absence(error: &RedisError, timeout: Duration) -> Absence {
    if error.is_timeout() { Absence::no_answer(timeout) } else { Absence::new(error) }
}

/// The commands that the user has no right to.
#[derive(Default)]
struct Denied(Vec<&'static str>);

impl Denied {
    /// Any other refusal is the one that was asked for.
    fn note(&mut self, command: &'static str, reply: Result<(), RedisError>) {
        if reply.is_err_and(|error| error.code() == Some(NO_RIGHT)) {
            self.0.push(command);
        }
    }

    fn mend(self, user: &str, pattern: &KeyPattern) -> Result<(), Absence> {
        let Self(commands) = self;
        if commands.is_empty() {
            return Ok(());
        }
        let reason = format!("Redis does not let its user {user} do that there: {}", commands.join(", "));
        let mend = format!(
            "give the right: ACL SETUSER {user} ~{pattern} +{} in Redis, or use another user in `url` under \
             [backends.redis]",
            commands.join(" +")
        );
        Err(Absence { reason, mend })
    }
}
