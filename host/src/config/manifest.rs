//! What a manifest says, key by key. The comments are also those of the reference and of the schema for editors.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use super::bounds::{Isolation, Limits, Swap};
use super::cors::Cors;
use super::kafka::KafkaTrigger;
use super::place::Source;
use super::schema as of;
use super::servers::{brokers, postgres_url, redis_url};
use super::values::{Bytes, Duration, KeyPattern, Origin, flag, nonempty, optional, text};

/// The whole file.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    #[serde(default)]
    pub host: HostSettings,
    pub admin: Option<Admin>,
    #[serde(default)]
    pub backends: Backends,
    /// The services by name, at least one. A name has 1 to 63 lower-case letters, digits and hyphens.
    #[schemars(extend("minProperties" = 1, "propertyNames" = { "title": "name", "pattern": "^[a-z0-9-]{1,63}$" }))]
    pub services: BTreeMap<String, Service>,
    /// The text that this was read from.
    #[serde(skip)]
    pub source: Source,
}

/// The host itself. It is read only at a start.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct HostSettings {
    /// A folder of this host alone, for the last versions of each service, their history, and compiled code. Without it,
    /// they end with the process; empty counts as none.
    #[serde(deserialize_with = "optional")]
    #[schemars(with = "Option<of::Path>")]
    pub state: Option<PathBuf>,
    /// Instances at the same time, over all services; up to half of them idle. Further ones are answered with 503. Each
    /// takes 4 GiB of address space, and memory only as it is used.
    #[schemars(range(min = 1, max = crate::engine::MAX_INSTANCES))]
    pub instances: u32,
    /// Versions of each service that the state folder keeps, for `rollback`. The live one is always among them.
    #[schemars(range(min = 1))]
    pub keep_versions: usize,
    /// What compiled components may take in the state folder. Those that were not used for longest are removed, and compiled
    /// again when they are needed.
    pub cache_size: Bytes,
    /// How long the host goes on to accept after the signal to stop, while `/readyz` answers 503 already: as long as your load
    /// balancer takes to see that.
    pub shutdown_delay: Option<Duration>,
}

impl Default for HostSettings {
    /// A dozen busy services, in a thirtieth of the address space that a process has; a month of working days of versions; and
    /// compiled code of some hundred components of Rust, or twenty with an interpreter in them.
    fn default() -> Self {
        Self { state: None, instances: 1_000, keep_versions: 20, cache_size: Bytes(2 << 30), shutdown_delay: None }
    }
}

/// The port for those who run the host. Without this table there is none. It is read only at a start.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Admin {
    /// A loopback address; any other needs `token`.
    #[serde(deserialize_with = "address")]
    #[schemars(with = "of::Address")]
    pub listen: SocketAddr,
    /// What requests must carry as `Authorization: Bearer …`, but for `/healthz` and `/readyz`. Empty counts as none.
    #[serde(default, deserialize_with = "optional")]
    pub token: Option<String>,
    /// The largest component that can be uploaded.
    #[serde(default = "Admin::max_upload")]
    pub max_upload: Bytes,
    /// Where `GET /mailbox` is passed on to. Empty counts as none.
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Option<of::HttpUrl>")]
    pub mailbox: Option<url::Url>,
}

impl Admin {
    /// Ten times a large component.
    fn max_upload() -> Bytes {
        Bytes(64 << 20)
    }
}

/// The servers that the host is a client of. Each is needed only where a grant or a trigger uses it. They are read only at a
/// start.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Backends {
    pub postgres: Option<PostgresBackend>,
    pub redis: Option<RedisBackend>,
    pub kafka: Option<KafkaBackend>,
}

/// The Postgres server.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PostgresBackend {
    /// `postgres://user:password@host:port`; the database is each grant's own. `?sslmode=require` asks for TLS.
    #[serde(deserialize_with = "postgres_url")]
    #[schemars(with = "of::PostgresUrl")]
    pub url: url::Url,
}

/// The Redis server.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RedisBackend {
    /// `redis://user:password@host:port/database`, where the database is a number. Without TLS.
    #[serde(deserialize_with = "redis_url")]
    #[schemars(with = "of::RedisUrl")]
    pub url: url::Url,
}

/// The Kafka brokers.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KafkaBackend {
    /// `host:port`, several with commas between. Without TLS and without a password.
    #[serde(deserialize_with = "brokers")]
    #[schemars(with = "of::Text")]
    pub brokers: String,
}

/// One service: the component that it runs, what calls it, and what it may do. It has one trigger: `http` or `kafka`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(extend("oneOf" = [{ "required": ["http"] }, { "required": ["kafka"] }]))]
pub struct Service {
    /// The `.wasm` file.
    #[schemars(with = "of::Path")]
    pub component: PathBuf,
    pub http: Option<HttpTrigger>,
    pub kafka: Option<KafkaTrigger>,
    /// What the component reads through `wasi:config`.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// The component's environment variables, and all of them: nothing is inherited from the host.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    #[serde(default)]
    pub grants: Grants,
    #[serde(default)]
    pub isolation: Isolation,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub swap: Swap,
}

/// What calls a service, as its table says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trigger<'a> {
    /// A listener of its own.
    Http(&'a HttpTrigger),
    /// A consumer of its own.
    Kafka(&'a KafkaTrigger),
}

impl Trigger<'_> {
    /// Its key in the table of a service.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Kafka(_) => "kafka",
        }
    }
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

    /// The same service, called by the trigger of another.
    pub fn called_as(mut self, other: &Self) -> Self {
        (self.http, self.kafka) = (other.http.clone(), other.kafka.clone());
        self
    }

    /// Every topic that it reads or writes.
    pub fn topics(&self) -> Vec<String> {
        let mut topics = self.grants.kafka.as_ref().map_or_else(Vec::new, |grant| grant.produce.clone());
        if let Trigger::Kafka(trigger) = self.trigger() {
            topics.extend([trigger.topic.clone(), trigger.dead_letter.clone()]);
        }
        topics
    }
}

/// The component answers HTTP requests: a listener for HTTP/1.1 and for HTTP/2 without TLS (h2c).
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpTrigger {
    /// Where it listens.
    #[serde(deserialize_with = "address")]
    #[schemars(with = "of::Address")]
    pub listen: SocketAddr,
    /// The largest request body; a larger one is answered with 413. The host holds it in memory while it arrives.
    #[serde(default = "HttpTrigger::max_body")]
    pub max_body: Bytes,
    /// How long a client may take over the head of a request, also on an idle connection.
    #[serde(default = "HttpTrigger::header_timeout")]
    pub header_timeout: Duration,
    /// How long a client may take over the body of a request; then 408.
    #[serde(default = "HttpTrigger::body_timeout")]
    pub body_timeout: Duration,
    /// Connections at the same time; further ones wait to be accepted.
    #[serde(default = "HttpTrigger::max_connections")]
    #[schemars(range(min = 1))]
    pub max_connections: usize,
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

/// What the service may do. What is not here is denied.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Grants {
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "title": "alias" }))]
    pub postgres: BTreeMap<String, PostgresGrant>,
    pub redis: Option<RedisGrant>,
    pub kafka: Option<KafkaGrant>,
    /// The origins that requests may go to.
    #[serde(default)]
    pub http: Vec<HttpGrant>,
}

/// A database that the component opens by this alias.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PostgresGrant {
    /// Its name on the server.
    #[serde(deserialize_with = "nonempty")]
    #[schemars(with = "of::Text")]
    pub database: String,
    /// A folder of `NNNN_name.sql` files, which the host applies once each, in order, before the service is called.
    #[schemars(with = "Option<of::Path>")]
    pub migrations: Option<PathBuf>,
    /// Connections at the same time; further calls wait for one. The outbox of a service that publishes has one more.
    #[serde(default = "PostgresGrant::connections")]
    #[schemars(range(min = 1))]
    pub connections: u32,
}

impl PostgresGrant {
    /// Three services stay well below the 100 connections of an untuned Postgres.
    fn connections() -> u32 {
        10
    }
}

/// Keys of Redis.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RedisGrant {
    /// Keys that may be read.
    #[serde(default)]
    pub read: Vec<KeyPattern>,
    /// Keys that may be written. That does not include reading.
    #[serde(default)]
    pub write: Vec<KeyPattern>,
}

/// Topics of Kafka.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KafkaGrant {
    /// Topics that records may be sent to, directly or with a transaction.
    pub produce: Vec<String>,
}

/// An origin that requests may go to.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpGrant {
    /// `http://<service>.internal` is another service of this host that has `http`, called within the process.
    pub origin: Origin,
    /// Headers that the host adds to each request there, in place of any that the component set. The component never sees
    /// them, so secrets belong here.
    #[serde(default, deserialize_with = "headers")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub headers: http::HeaderMap,
    /// Whether the origin may be at a loopback, link-local or private address.
    #[serde(default, deserialize_with = "flag")]
    #[schemars(with = "of::Flag")]
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
    text(deserializer, "an address in quotes, as in \"0.0.0.0:8081\"", |text| {
        text.parse().map_err(|_| format!("{text:?} is no address: write IP:PORT, as in 0.0.0.0:8081"))
    })
}

/// The values stay out of the message: they are secrets.
fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<http::HeaderMap, D::Error> {
    let headers: BTreeMap<String, String> = BTreeMap::deserialize(deserializer)?;
    headers.into_iter().map(header).collect::<Result<_, _>>().map_err(de::Error::custom)
}

fn header((name, value): (String, String)) -> Result<(http::HeaderName, http::HeaderValue), String> {
    let parsed: http::HeaderName = name.parse().map_err(|_| format!("{name:?} is no name of an HTTP header"))?;
    let mut value: http::HeaderValue = value
        .parse()
        .map_err(|_| format!("the value of {name:?} can be in no HTTP header: is there a line end in it?"))?;
    value.set_sensitive(true);
    Ok((parsed, value))
}
