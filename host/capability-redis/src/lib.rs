//! Redis: the keys that a service is granted, as `componentd:redis/client`.

#![warn(missing_docs, unreachable_pub)]

mod absence;
mod bindings;
mod bounded;
mod config;
mod explain;
mod rights;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use componentd_config::{ConfigError, Forms, KeyPattern, Manifest, form};
use componentd_core::call::{CallError, CallOutcome};
use componentd_core::capability::{About, Capability, Client, HostContext, Needs, NoServer, Package, ServiceContext};
use componentd_core::grant::Grant;
use componentd_core::state::State;
use componentd_core::verdict::{Right, Verdict};
use componentd_core::view::{Has, View};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, Value};
use wasmtime::component::Linker;

pub use self::absence::Absence;
use self::bindings::componentd::redis::client as wit;
use self::bounded::too_large;
pub use self::config::{RedisBackend, RedisGrant};
pub use self::rights::Rights;

/// Redis as a capability of the host.
pub struct Redis;

/// The key of the server under `[backends]`, and of what a service is granted, under `grants`.
pub const NAME: &str = "redis";

/// Tries to reconnect within one call before it fails with `unavailable`; the next call tries again.
const RECONNECTS: usize = 1;

/// A connection that commands of many callers are pipelined on. It is made when it is first used.
pub struct RedisClient {
    client: redis::Client,
    connection: OnceLock<ConnectionManager>,
}

/// What a host has of Redis: a server.
struct Server(RedisClient);

/// The keys of one service, and a connection of its own: what others ask for is not in the way of its replies.
pub struct Keys {
    redis: RedisClient,
    grant: RedisGrant,
}

impl Capability for Redis {
    fn about(&self) -> About {
        About {
            name: NAME,
            packages: &[Package { name: "componentd:redis", version: "0.1.0", interfaces: &["client"] }],
            needs: Some(Needs {
                interface: "componentd:redis/client",
                example: "grants.redis = { read = [\"…\"], write = [\"…\"] }",
            }),
            server: Some("url = \"redis://…\""),
        }
    }

    fn forms(&self) -> Forms {
        Forms { name: NAME, backend: Some(form::<RedisBackend>()), grant: Some(form::<RedisGrant>()) }
    }

    fn actions(&self) -> &'static [&'static str] {
        explain::ACTIONS
    }

    fn add_to_linker(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        wit::add_to_linker::<State, Has<Keys>>(linker, State::view::<Keys>)
    }

    fn client(&self, host: HostContext<'_>) -> Result<Arc<dyn Client>, ConfigError> {
        let Some(section) = host.backend else { return Ok(Arc::new(NoServer(|service| grant(service).map(drop)))) };
        let client = RedisClient::new(&section.read()?);
        let unusable = |e: RedisError| section.error(&["url"], format!("cannot be used: {e}; correct it"));
        Ok(Arc::new(Server(client.map_err(unusable)?)))
    }
}

impl RedisClient {
    /// A client that connects with its first use.
    ///
    /// # Errors
    /// The URL is none that the driver understands.
    pub fn new(backend: &RedisBackend) -> Result<Self, RedisError> {
        Ok(Self { client: redis::Client::open(backend.url.as_str())?, connection: OnceLock::new() })
    }

    /// The same server by another connection.
    fn another(&self) -> Self {
        Self { client: self.client.clone(), connection: OnceLock::new() }
    }

    fn connection(&self) -> Result<ConnectionManager, RedisError> {
        if let Some(connection) = self.connection.get() {
            return Ok(connection.clone());
        }
        // The deadline of each call is its service's own.
        let config = ConnectionManagerConfig::new().set_response_timeout(None).set_number_of_retries(RECONNECTS);
        let made = ConnectionManager::new_lazy_with_config(self.client.clone(), config)?;
        Ok(self.connection.get_or_init(|| made).clone())
    }

    /// Whether the server answers, and lets us in.
    ///
    /// # Errors
    /// It does not, within `timeout`.
    pub async fn look(&self, timeout: Duration) -> Result<(), Absence> {
        match tokio::time::timeout(timeout, self.ping()).await {
            Ok(answer) => answer.map_err(|error| Absence::new(&error)),
            Err(_) => Err(Absence::no_answer(timeout)),
        }
    }

    /// A connection that has ended while nobody used it tells nothing of the server as it is now. The second try has a new one.
    async fn ping(&self) -> Result<(), RedisError> {
        let mut connection = self.connection()?;
        match ping(&mut connection).await {
            Err(error) if error.is_connection_dropped() => ping(&mut connection).await,
            answer => answer,
        }
    }
}

async fn ping(connection: &mut ConnectionManager) -> Result<(), RedisError> {
    redis::cmd("PING").query_async::<Value>(connection).await.map(drop)
}

impl Client for Server {
    fn grant(&self, service: &ServiceContext<'_>) -> Result<Option<Arc<dyn Grant>>, ConfigError> {
        Ok(grant(service)?.map(|grant| Arc::new(Keys { redis: self.0.another(), grant }) as Arc<dyn Grant>))
    }

    fn missing<'a>(&'a self, _: &'a Manifest, timeout: Duration) -> BoxFuture<'a, Vec<String>> {
        async move { self.0.look(timeout).await.err().map(|away| away.to_string()).into_iter().collect() }.boxed()
    }
}

fn grant(service: &ServiceContext<'_>) -> Result<Option<RedisGrant>, ConfigError> {
    service.grant(NAME).map(|section| section.read()).transpose()
}

impl Grant for Keys {
    fn rights(&self) -> Vec<Right> {
        explain::rights(&self.grant)
    }

    fn explain(&self, action: &[&str]) -> Option<Verdict> {
        explain::explain(&self.grant, action)
    }
}

/// The keys of a service, and how many bytes one call may take.
struct Access<'a> {
    keys: &'a Keys,
    transfer: usize,
}

impl<'a> Access<'a> {
    fn of(view: &View<'a, Keys>) -> Result<Self, wit::Error> {
        let denied = || wit::Error::Denied("there is no grant `grants.redis` for this service".to_owned());
        Ok(Self { keys: view.grant.ok_or_else(denied)?, transfer: view.scope.limits().transfer.0 })
    }
}

impl Access<'_> {
    fn may_read<'k>(&self, keys: impl IntoIterator<Item = &'k String>) -> Result<&Keys, wit::Error> {
        self.permitted("read", keys, |grant| &grant.read)
    }

    fn may_write<'k>(&self, keys: impl IntoIterator<Item = &'k String>) -> Result<&Keys, wit::Error> {
        self.permitted("write", keys, |grant| &grant.write)
    }

    fn permitted<'k>(
        &self,
        access: &str,
        wanted: impl IntoIterator<Item = &'k String>,
        patterns: fn(&RedisGrant) -> &Vec<KeyPattern>,
    ) -> Result<&Keys, wit::Error> {
        let granted = |key: &String| patterns(&self.keys.grant).iter().any(|pattern| pattern.matches(key));
        match wanted.into_iter().find(|key| !granted(key)) {
            None => Ok(self.keys),
            Some(key) => Err(wit::Error::Denied(format!("no pattern in `grants.redis.{access}` covers {key:?}"))),
        }
    }

    fn bounded(&self, value: &[u8]) -> Result<(), wit::Error> {
        let limit = self.transfer;
        if value.len() <= limit {
            return Ok(());
        }
        Err(too_large(value.len(), limit))
    }

    async fn get(&self, key: &String) -> Result<Option<Vec<u8>>, wit::Error> {
        let granted = self.may_read([key])?;
        granted.value(key, self.transfer).await
    }

    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, wit::Error> {
        let granted = self.may_read(keys)?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        granted.values(keys, self.transfer).await
    }

    async fn set(&self, key: &String, value: &[u8], options: wit::SetOptions) -> Result<bool, wit::Error> {
        let granted = self.may_write([key])?;
        self.bounded(value)?;
        let mut command = redis::cmd("SET");
        command.arg(key).arg(value);
        if let Some(ttl) = options.ttl_ms {
            command.arg("PX").arg(ttl);
        }
        if options.if_absent {
            command.arg("NX");
        }
        let reply: Value = granted.call(&command).await?;
        Ok(reply != Value::Nil)
    }

    async fn delete(&self, keys: &[String]) -> Result<u64, wit::Error> {
        let granted = self.may_write(keys)?;
        if keys.is_empty() {
            return Ok(0);
        }
        granted.call(redis::cmd("DEL").arg(keys)).await
    }

    async fn exists(&self, key: &String) -> Result<bool, wit::Error> {
        let granted = self.may_read([key])?;
        granted.call(redis::cmd("EXISTS").arg(key)).await
    }

    async fn increment(&self, key: &String, delta: i64) -> Result<i64, wit::Error> {
        let granted = self.may_write([key])?;
        granted.call(redis::cmd("INCRBY").arg(key).arg(delta)).await
    }

    async fn expire(&self, key: &String, ttl_ms: u64) -> Result<bool, wit::Error> {
        let granted = self.may_write([key])?;
        granted.call(redis::cmd("PEXPIRE").arg(key).arg(ttl_ms)).await
    }
}

impl wit::Host for View<'_, Keys> {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, wit::Error>> {
        let access = Access::of(self);
        Ok(self.scope.call(NAME, "get", async { access?.get(&key).await }).await)
    }

    async fn get_many(&mut self, keys: Vec<String>) -> wasmtime::Result<Result<Vec<Option<Vec<u8>>>, wit::Error>> {
        let access = Access::of(self);
        Ok(self.scope.call(NAME, "get-many", async { access?.get_many(&keys).await }).await)
    }

    async fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        options: wit::SetOptions,
    ) -> wasmtime::Result<Result<bool, wit::Error>> {
        let access = Access::of(self);
        Ok(self.scope.call(NAME, "set", async { access?.set(&key, &value, options).await }).await)
    }

    async fn delete(&mut self, keys: Vec<String>) -> wasmtime::Result<Result<u64, wit::Error>> {
        let access = Access::of(self);
        Ok(self.scope.call(NAME, "delete", async { access?.delete(&keys).await }).await)
    }

    async fn exists(&mut self, key: String) -> wasmtime::Result<Result<bool, wit::Error>> {
        let access = Access::of(self);
        Ok(self.scope.call(NAME, "exists", async { access?.exists(&key).await }).await)
    }

    async fn increment(&mut self, key: String, delta: i64) -> wasmtime::Result<Result<i64, wit::Error>> {
        let access = Access::of(self);
        Ok(self.scope.call(NAME, "increment", async { access?.increment(&key, delta).await }).await)
    }

    async fn expire(&mut self, key: String, ttl_ms: u64) -> wasmtime::Result<Result<bool, wit::Error>> {
        let access = Access::of(self);
        Ok(self.scope.call(NAME, "expire", async { access?.expire(&key, ttl_ms).await }).await)
    }
}

impl Keys {
    async fn call<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, wit::Error> {
        let mut connection = self.redis.connection().map_err(|e| error(&e))?;
        command.query_async(&mut connection).await.map_err(|e| error(&e))
    }
}

impl CallError for wit::Error {
    fn timed_out(deadline: Duration) -> Self {
        Self::Timeout(format!("no answer within {deadline:?} (limits.call-timeout)"))
    }

    fn outcome(&self) -> CallOutcome {
        match self {
            Self::Denied(_) => CallOutcome::Denied,
            Self::Unavailable(_) => CallOutcome::Away,
            Self::Timeout(_) => CallOutcome::TimedOut,
            _ => CallOutcome::Refused,
        }
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
