//! Redis: the keys that a service is granted, as `componentd:redis/client`.

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, Value};
use wasmtime::component::{HasData, Linker};

use crate::bindings::componentd::redis::client as wit;
use crate::capability::away::BackendAway;
use crate::capability::redis_absence::Absence;
use crate::config::{self, KeyPattern};
use crate::state::State;

/// Tries to reconnect within one call before it fails with `unavailable`; the next call tries again.
const RECONNECTS: usize = 1;

/// The connection that all services share: commands of many callers are pipelined on it.
#[derive(Clone)]
pub struct Redis {
    connection: ConnectionManager,
}

impl Redis {
    /// A connection that opens with its first use.
    ///
    /// # Errors
    /// The URL is none that the driver understands.
    pub fn new(backend: &config::RedisBackend) -> Result<Self, RedisError> {
        let client = redis::Client::open(backend.url.as_str())?;
        // The deadline of each call is its service's own.
        let config = ConnectionManagerConfig::new().set_response_timeout(None).set_number_of_retries(RECONNECTS);
        Ok(Self { connection: ConnectionManager::new_lazy_with_config(client, config)? })
    }

    /// Whether the server answers, and lets us in.
    ///
    /// # Errors
    /// It does not, within `timeout`.
    pub async fn look(&self, timeout: Duration) -> Result<(), Absence> {
        let (mut connection, ping) = (self.connection.clone(), redis::cmd("PING"));
        match tokio::time::timeout(timeout, ping.query_async::<Value>(&mut connection)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Absence::new(&error)),
            Err(_) => Err(Absence::no_answer(timeout)),
        }
    }
}

/// What one service may do with Redis.
pub struct View<'a> {
    pub redis: Option<&'a Redis>,
    pub grant: Option<&'a config::RedisGrant>,
    pub limits: &'a config::Limits,
    pub away: &'a BackendAway,
}

/// Ties [`View`] to the linker.
struct HasRedis;

impl HasData for HasRedis {
    type Data<'a> = View<'a>;
}

/// Offers the interface to components.
///
/// # Errors
/// It is offered already.
pub fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wit::add_to_linker::<State, HasRedis>(linker, State::redis)
}

impl View<'_> {
    fn may_read<'k>(&self, keys: impl IntoIterator<Item = &'k String>) -> Result<&Redis, wit::Error> {
        self.permitted("read", keys, |grant| &grant.read)
    }

    fn may_write<'k>(&self, keys: impl IntoIterator<Item = &'k String>) -> Result<&Redis, wit::Error> {
        self.permitted("write", keys, |grant| &grant.write)
    }

    fn permitted<'k>(
        &self,
        access: &str,
        keys: impl IntoIterator<Item = &'k String>,
        patterns: fn(&config::RedisGrant) -> &Vec<KeyPattern>,
    ) -> Result<&Redis, wit::Error> {
        let (Some(redis), Some(grant)) = (self.redis, self.grant) else {
            return Err(wit::Error::Denied("there is no grant `grants.redis` for this service".to_owned()));
        };
        let granted = |key: &String| patterns(grant).iter().any(|pattern| pattern.matches(key));
        match keys.into_iter().find(|key| !granted(key)) {
            None => Ok(redis),
            Some(key) => Err(wit::Error::Denied(format!("no pattern in `grants.redis.{access}` covers {key:?}"))),
        }
    }

    async fn call<T: FromRedisValue>(&self, redis: &Redis, command: &Cmd) -> Result<T, wit::Error> {
        let reply = call(redis, self.limits.call_timeout.0, command).await;
        if matches!(reply, Err(wit::Error::Unavailable(_) | wit::Error::Timeout(_))) {
            self.away.note();
        }
        reply
    }

    fn bounded(&self, value: &[u8]) -> Result<(), wit::Error> {
        let limit = self.limits.transfer.0;
        if value.len() <= limit {
            return Ok(());
        }
        Err(wit::Error::TooLarge(format!("{} bytes are more than {limit} (limits.transfer)", value.len())))
    }

    async fn get(&self, key: &String) -> Result<Option<Vec<u8>>, wit::Error> {
        let redis = self.may_read([key])?;
        let value: Option<Vec<u8>> = self.call(redis, redis::cmd("GET").arg(key)).await?;
        self.bounded(value.as_deref().unwrap_or_default())?;
        Ok(value)
    }

    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, wit::Error> {
        let redis = self.may_read(keys)?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let values: Vec<Option<Vec<u8>>> = self.call(redis, redis::cmd("MGET").arg(keys)).await?;
        let total: usize = values.iter().flatten().map(Vec::len).sum();
        if total > self.limits.transfer.0 {
            let limit = self.limits.transfer.0;
            return Err(wit::Error::TooLarge(format!("{total} bytes are more than {limit} (limits.transfer)")));
        }
        Ok(values)
    }

    async fn set(&self, key: &String, value: &[u8], options: wit::SetOptions) -> Result<bool, wit::Error> {
        let redis = self.may_write([key])?;
        self.bounded(value)?;
        let mut command = redis::cmd("SET");
        command.arg(key).arg(value);
        if let Some(ttl) = options.ttl_ms {
            command.arg("PX").arg(ttl);
        }
        if options.if_absent {
            command.arg("NX");
        }
        let reply: Value = self.call(redis, &command).await?;
        Ok(reply != Value::Nil)
    }

    async fn delete(&self, keys: &[String]) -> Result<u64, wit::Error> {
        let redis = self.may_write(keys)?;
        if keys.is_empty() {
            return Ok(0);
        }
        self.call(redis, redis::cmd("DEL").arg(keys)).await
    }

    async fn exists(&self, key: &String) -> Result<bool, wit::Error> {
        let redis = self.may_read([key])?;
        self.call(redis, redis::cmd("EXISTS").arg(key)).await
    }

    async fn increment(&self, key: &String, delta: i64) -> Result<i64, wit::Error> {
        let redis = self.may_write([key])?;
        self.call(redis, redis::cmd("INCRBY").arg(key).arg(delta)).await
    }

    async fn expire(&self, key: &String, ttl_ms: u64) -> Result<bool, wit::Error> {
        let redis = self.may_write([key])?;
        self.call(redis, redis::cmd("PEXPIRE").arg(key).arg(ttl_ms)).await
    }
}

impl wit::Host for View<'_> {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, wit::Error>> {
        Ok(View::get(self, &key).await)
    }

    async fn get_many(&mut self, keys: Vec<String>) -> wasmtime::Result<Result<Vec<Option<Vec<u8>>>, wit::Error>> {
        Ok(View::get_many(self, &keys).await)
    }

    async fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        options: wit::SetOptions,
    ) -> wasmtime::Result<Result<bool, wit::Error>> {
        Ok(View::set(self, &key, &value, options).await)
    }

    async fn delete(&mut self, keys: Vec<String>) -> wasmtime::Result<Result<u64, wit::Error>> {
        Ok(View::delete(self, &keys).await)
    }

    async fn exists(&mut self, key: String) -> wasmtime::Result<Result<bool, wit::Error>> {
        Ok(View::exists(self, &key).await)
    }

    async fn increment(&mut self, key: String, delta: i64) -> wasmtime::Result<Result<i64, wit::Error>> {
        Ok(View::increment(self, &key, delta).await)
    }

    async fn expire(&mut self, key: String, ttl_ms: u64) -> wasmtime::Result<Result<bool, wit::Error>> {
        Ok(View::expire(self, &key, ttl_ms).await)
    }
}

async fn call<T: FromRedisValue>(redis: &Redis, timeout: Duration, command: &Cmd) -> Result<T, wit::Error> {
    let mut connection = redis.connection.clone();
    match tokio::time::timeout(timeout, command.query_async(&mut connection)).await {
        Ok(reply) => reply.map_err(|e| error(&e)),
        Err(_) => Err(wit::Error::Timeout(format!("no answer within {timeout:?} (limits.call-timeout)"))),
    }
}

fn error(error: &RedisError) -> wit::Error {
    let text = error.to_string();
    match error.kind() {
        ErrorKind::Server(_) | ErrorKind::Extension if is_about_the_server(error) => wit::Error::Unavailable(text),
        ErrorKind::Server(_) | ErrorKind::Extension if is_wrong_type(error) => wit::Error::WrongType(text),
        ErrorKind::Server(_) | ErrorKind::Extension => wit::Error::Refused(text),
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType | ErrorKind::Client => wit::Error::Refused(text),
        _ => wit::Error::Unavailable(text),
    }
}

/// The first words of replies that are about the server, whatever the command was: it loads its data, has lost its master or
/// its cluster, is a replica by now, is full (`OOM`, of memory) or cannot save to its disk (`MISCONF`), or runs a script.
const OF_THE_SERVER: [&str; 9] =
    ["LOADING", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN", "READONLY", "NOREPLICAS", "OOM", "MISCONF", "BUSY"];

fn is_about_the_server(error: &RedisError) -> bool {
    error.code().is_some_and(|code| OF_THE_SERVER.contains(&code))
}

/// `WRONGTYPE` for another kind of value, a plain `ERR` for one that is no integer.
fn is_wrong_type(error: &RedisError) -> bool {
    error.code() == Some("WRONGTYPE") || error.detail().is_some_and(|detail| detail.contains("not an integer"))
}
