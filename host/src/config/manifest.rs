//! What a manifest says, key by key. docs/src/manifest.md has the same for users.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, de};

use super::bounds::{Isolation, Limits, Swap};
use super::cors::Cors;
use super::values::{Bytes, Duration, KeyPattern, Origin, flag, optional};

/// The whole file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    #[serde(default)]
    pub host: HostSettings,
    /// The admin port; without it there is none.
    pub admin: Option<Admin>,
    /// The servers behind the capabilities.
    #[serde(default)]
    pub backends: Backends,
    /// The services by name, at least one.
    pub services: BTreeMap<String, Service>,
}

/// The host itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct HostSettings {
    /// The folder for versions, history and compiled code. Without it, they end with the process.
    #[serde(deserialize_with = "optional")]
    pub state: Option<PathBuf>,
    /// Instances at the same time, over all services, running and idle. Each reserves 4 GiB of address space, and no memory.
    pub instances: u32,
}

impl Default for HostSettings {
    /// A dozen busy services, in a thirtieth of the address space that a process has.
    fn default() -> Self {
        Self { state: None, instances: 1_000 }
    }
}

/// The port for those who run the host.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Admin {
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// What every request must carry as `Authorization: Bearer …`, but those for health. Needed where `listen` is not a
    /// loopback address.
    #[serde(default, deserialize_with = "optional")]
    pub token: Option<String>,
    /// The largest component that can be uploaded.
    #[serde(default = "Admin::max_upload")]
    pub max_upload: Bytes,
    /// Where `GET /mailbox` is passed on to, if anywhere.
    #[serde(default, deserialize_with = "optional")]
    pub mailbox: Option<url::Url>,
}

impl Admin {
    /// Ten times a large component.
    fn max_upload() -> Bytes {
        Bytes(64 << 20)
    }
}

/// The servers that the host is a client of; each is needed only if a grant or a trigger uses it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Backends {
    pub postgres: Option<PostgresBackend>,
    pub redis: Option<RedisBackend>,
    pub kafka: Option<KafkaBackend>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PostgresBackend {
    /// `postgres://user:password@host:port`; the database is each grant's own.
    #[serde(deserialize_with = "postgres_url")]
    pub url: url::Url,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RedisBackend {
    /// `redis://user:password@host:port/database`
    #[serde(deserialize_with = "redis_url")]
    pub url: url::Url,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KafkaBackend {
    /// `host:port`, several with commas between.
    #[serde(deserialize_with = "nonempty")]
    pub brokers: String,
}

/// One service: the component that it runs, what calls it, and what it may do.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Service {
    /// The `.wasm` file.
    pub component: PathBuf,
    http: Option<HttpTrigger>,
    kafka: Option<KafkaTrigger>,
    /// What the component reads through `wasi:config`.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    #[serde(default)]
    pub grants: Grants,
    #[serde(default)]
    pub isolation: Isolation,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub swap: Swap,
}

/// What calls a service.
#[derive(Clone, Copy, Debug)]
pub enum Trigger<'a> {
    /// A listener of its own.
    Http(&'a HttpTrigger),
    /// A consumer of its own.
    Kafka(&'a KafkaTrigger),
}

impl Service {
    /// The one trigger, or none or two, which `checks` has refused.
    pub(super) fn triggers(&self) -> Vec<Trigger<'_>> {
        let http = self.http.iter().map(Trigger::Http);
        http.chain(self.kafka.iter().map(Trigger::Kafka)).collect()
    }

    /// What calls this service.
    pub fn trigger(&self) -> Trigger<'_> {
        self.triggers().pop().expect("a manifest is checked to give each service a trigger")
    }
}

/// An HTTP/1.1 and h2c listener.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpTrigger {
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// The largest request body; a larger one is answered with 413. The host holds it in memory while it arrives.
    #[serde(default = "HttpTrigger::max_body")]
    pub max_body: Bytes,
    /// How long a client may take over the head of a request, also the first of an idle connection.
    #[serde(default = "HttpTrigger::header_timeout")]
    pub header_timeout: Duration,
    /// How long a client may take over a request's body.
    #[serde(default = "HttpTrigger::body_timeout")]
    pub body_timeout: Duration,
    /// Connections at the same time; further ones wait to be accepted.
    #[serde(default = "HttpTrigger::max_connections")]
    pub max_connections: usize,
    /// Which pages of other origins may call it from a browser; without it, none.
    pub cors: Option<Cors>,
}

impl HttpTrigger {
    /// JSON of the store's size fits a hundred times over, and a thousand clients cannot take more than 1 GiB.
    fn max_body() -> Bytes {
        Bytes(1 << 20)
    }

    /// Long enough for keep-alive connections that pause, short enough that dead ones do not pile up.
    fn header_timeout() -> Duration {
        Duration(std::time::Duration::from_secs(30))
    }

    fn body_timeout() -> Duration {
        Duration(std::time::Duration::from_secs(10))
    }

    /// Below the usual limit of 1,024 open files for each of the three ports of a small host together with its backends.
    fn max_connections() -> usize {
        1_000
    }
}

/// A consumer group of its own.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KafkaTrigger {
    #[serde(deserialize_with = "nonempty")]
    pub topic: String,
    #[serde(deserialize_with = "nonempty")]
    pub group: String,
    /// Where a record goes that was rejected, or failed at its last attempt.
    #[serde(deserialize_with = "nonempty")]
    pub dead_letter: String,
    /// How often a record is handed over before it goes there, at least once.
    #[serde(default = "KafkaTrigger::attempts")]
    pub attempts: u32,
    /// The wait before the second attempt; it doubles from one to the next.
    #[serde(default = "KafkaTrigger::backoff")]
    pub backoff: Duration,
    /// The longest wait between two attempts.
    #[serde(default = "KafkaTrigger::max_backoff")]
    pub max_backoff: Duration,
}

impl KafkaTrigger {
    fn attempts() -> u32 {
        5
    }

    fn backoff() -> Duration {
        Duration(std::time::Duration::from_millis(200))
    }

    /// Later records of the partition wait behind this one.
    fn max_backoff() -> Duration {
        Duration(std::time::Duration::from_secs(30))
    }
}

/// What a service may do. What is not here is denied.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Grants {
    /// Databases by the alias that the component opens them with.
    #[serde(default)]
    pub postgres: BTreeMap<String, PostgresGrant>,
    pub redis: Option<RedisGrant>,
    pub kafka: Option<KafkaGrant>,
    /// The origins that requests may go to.
    #[serde(default)]
    pub http: Vec<HttpGrant>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PostgresGrant {
    #[serde(deserialize_with = "nonempty")]
    pub database: String,
    /// A folder of `NNNN_name.sql` files, which the host applies once each, in order, before the service runs.
    pub migrations: Option<PathBuf>,
    /// Connections at the same time; further calls wait for one. The outbox of a service that publishes has one more.
    #[serde(default = "PostgresGrant::connections")]
    pub connections: u32,
}

impl PostgresGrant {
    /// Three services stay well below the 100 connections of an untuned Postgres.
    fn connections() -> u32 {
        10
    }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RedisGrant {
    #[serde(default)]
    pub read: Vec<KeyPattern>,
    #[serde(default)]
    pub write: Vec<KeyPattern>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KafkaGrant {
    /// Topics that records may be sent to.
    pub produce: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpGrant {
    pub origin: Origin,
    /// Headers that the host adds to each request there, in place of any that the component set. The component never sees
    /// them, so secrets belong here.
    #[serde(default, deserialize_with = "headers")]
    pub headers: http::HeaderMap,
    /// Whether the origin may be at a loopback, link-local or private address.
    #[serde(default, deserialize_with = "flag")]
    pub private: bool,
}

impl Manifest {
    pub(super) fn resolve_paths(mut self, folder: &Path) -> Self {
        self.host.state = self.host.state.take().map(|path| folder.join(path));
        for service in self.services.values_mut() {
            service.component = folder.join(&service.component);
            for grant in service.grants.postgres.values_mut() {
                grant.migrations = grant.migrations.take().map(|path| folder.join(path));
            }
        }
        self
    }
}

pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| de::Error::custom(format!("{text:?} is no address: write IP:PORT, as in 0.0.0.0:8081")))
}

fn nonempty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Err(de::Error::custom("must not be empty")) } else { Ok(text) }
}

fn postgres_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<url::Url, D::Error> {
    backend_url(deserializer, &["postgres", "postgresql"])
}

fn redis_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<url::Url, D::Error> {
    backend_url(deserializer, &["redis"])
}

/// The URL itself stays out of the message: it may hold a password.
fn backend_url<'de, D: Deserializer<'de>>(deserializer: D, schemes: &[&str]) -> Result<url::Url, D::Error> {
    let url: Option<url::Url> = String::deserialize(deserializer)?.parse().ok();
    url.filter(|url| schemes.contains(&url.scheme()) && url.has_host())
        .ok_or_else(|| de::Error::custom(format!("must be {}://user:password@host:port", schemes[0])))
}

fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<http::HeaderMap, D::Error> {
    let headers: BTreeMap<String, String> = BTreeMap::deserialize(deserializer)?;
    let parsed = headers.into_iter().map(|(name, value)| {
        let parsed_name: http::HeaderName = name.parse().ok()?;
        let mut parsed_value: http::HeaderValue = value.parse().ok()?;
        parsed_value.set_sensitive(true);
        Some((parsed_name, parsed_value))
    });
    parsed.collect::<Option<_>>().ok_or_else(|| de::Error::custom("not all of these can be HTTP headers"))
}
