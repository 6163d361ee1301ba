//! What a manifest says, key by key. The comments are also those of the reference and of the schema for editors.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::bounds::{Isolation, Limits, Swap};
use super::cors::Cors;
use super::cron::CronTrigger;
use super::kafka::KafkaTrigger;
use super::kinds as of;
use super::place::Source;
use super::secret::{Secret, Unshown};
use super::tls::Tls;
use super::values::{Bytes, Duration, optional, text};

/// The whole file.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    #[allow(missing_docs, reason = "the reference shows the comment of its type")]
    #[serde(default)]
    pub host: HostSettings,
    #[allow(missing_docs, reason = "the reference shows the comment of its type")]
    pub admin: Option<Admin>,
    /// The servers that the host is a client of. Each is needed only where a grant or a trigger uses it. They are read only at a
    /// start.
    #[serde(default)]
    #[schemars(with = "of::Tables", extend("default" = {}))]
    pub backends: Tables,
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
    #[schemars(range(min = 1, max = crate::MAX_INSTANCES))]
    pub instances: u32,
    /// Versions of each service that the state folder keeps, for `rollback`. The live one is always among them.
    #[schemars(range(min = 1))]
    pub keep_versions: usize,
    /// What compiled components may take in the state folder. Those that were not used for longest are removed, and compiled
    /// again when they are needed.
    pub cache_size: Bytes,
    /// Requests of components to other servers at the same time, over all services; a further one fails with
    /// `connection-limit-reached`. Each takes a descriptor: keep it below the open files that the process may have.
    #[schemars(range(min = 1))]
    pub requests: usize,
    /// Processor time that the compiler may take for one component, over all its threads. What takes longer is refused, and
    /// whatever runs is not touched. In a program that embeds a host only if it names a compiler.
    pub compile_time: Duration,
    /// Memory that it may take for one component; as many are compiled at a time as there are processors. What takes more is
    /// refused in the same way.
    pub compile_memory: Bytes,
    /// How long the host goes on to accept after the signal to stop, while `/readyz` answers 503 already: as long as your load
    /// balancer takes to see that.
    pub shutdown_delay: Option<Duration>,
    /// A service whose component computes for longer than this at a time, on average, is called on threads of their own: that
    /// costs each call some ten microseconds, and spares all others the wait. A single call that computes for some
    /// milliseconds goes on there anyway. Raise it where everything takes longer, as under a debugger.
    pub long_turn: Duration,
}

impl Default for HostSettings {
    /// A dozen busy services, in a thirtieth of the address space that a process has; a month of working days of versions; and
    /// compiled code of some hundred components of Rust, or twenty with an interpreter in them. A component of Rust is compiled
    /// in a second, and one with an interpreter in it in twenty, with half of that memory. Requests to others leave half of the
    /// usual 1,024 open files to clients and databases. A turn is long from ten times what another thread costs a call.
    fn default() -> Self {
        Self {
            state: None,
            instances: 1_000,
            keep_versions: 20,
            cache_size: Bytes(2 << 30),
            requests: 512,
            compile_time: Duration(std::time::Duration::from_secs(60)),
            compile_memory: Bytes(1 << 30),
            shutdown_delay: None,
            long_turn: Duration(std::time::Duration::from_micros(150)),
        }
    }
}

/// The port for those who run the host. Without this table there is none. It is read only at a start.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Admin {
    /// Where it listens: a loopback address, unless others than this machine's users are to ask.
    #[serde(deserialize_with = "address")]
    #[schemars(with = "of::Address")]
    pub listen: SocketAddr,
    #[allow(missing_docs, reason = "the reference shows the comment of its type")]
    pub tls: Option<Tls>,
    /// What requests must carry as `Authorization: Bearer …`, but for `/healthz` and `/readyz`. Without it, or where it is
    /// empty, the host makes one at its first start, and keeps it as `admin-token` in its state folder.
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Option<String>")]
    pub token: Option<Secret>,
    /// The names that it is asked by, without ports, besides its address and `localhost`; a request with another `Host` is
    /// refused.
    #[serde(default)]
    pub hosts: Vec<String>,
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

/// What others than the manifest itself read: each capability its own, see [`Section`].
///
/// [`Section`]: super::Section
pub type Tables = Unshown<toml::Value>;

/// One service: the component that it runs, what calls it, and what it may do. It has one trigger: `http`, `kafka` or
/// `cron`; or it says that it has none.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(extend("oneOf" = [
    { "required": ["http"] }, { "required": ["kafka"] }, { "required": ["cron"] }, { "required": ["trigger"] }
]))]
pub struct Service {
    /// The `.wasm` file.
    #[schemars(with = "of::Path")]
    pub component: PathBuf,
    #[allow(missing_docs, reason = "the reference shows the comment of its type")]
    pub http: Option<HttpTrigger>,
    #[allow(missing_docs, reason = "the reference shows the comment of its type")]
    pub kafka: Option<KafkaTrigger>,
    #[allow(missing_docs, reason = "the reference shows the comment of its type")]
    pub cron: Option<CronTrigger>,
    /// What is there in place of a trigger, where nothing but a program that embeds the host calls the service.
    #[serde(default)]
    trigger: Option<NoTrigger>,
    /// What the component reads through `wasi:config`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>", extend("default" = {}))]
    pub config: Unshown<String>,
    /// The component's environment variables, and all of them: nothing is inherited from the host.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>", extend("default" = {}))]
    pub env: Unshown<String>,
    /// What the service may do. What is not here is denied.
    #[serde(default)]
    #[schemars(with = "of::Tables", extend("default" = {}))]
    pub grants: Tables,
    #[allow(missing_docs, reason = "the reference shows the comment of its type")]
    #[serde(default)]
    pub isolation: Isolation,
    #[allow(missing_docs, reason = "the reference shows the comment of its type")]
    #[serde(default)]
    pub limits: Limits,
    #[allow(missing_docs, reason = "the reference shows the comment of its type")]
    #[serde(default)]
    pub swap: Swap,
}

/// That a service has no trigger is said, and not left out: it could have been forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum NoTrigger {
    /// It has none.
    None,
}

/// What calls a service, as its table says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trigger<'a> {
    /// A listener of its own.
    Http(&'a HttpTrigger),
    /// A consumer of its own.
    Kafka(&'a KafkaTrigger),
    /// A schedule.
    Cron(&'a CronTrigger),
    /// Nothing of this host.
    None,
}

impl Trigger<'_> {
    /// How it stands in the table of a service.
    pub(super) fn written_as(&self) -> &'static str {
        if let Self::None = self { "trigger = \"none\"" } else { self.key() }
    }

    /// Its key in the table of a service.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Kafka(_) => "kafka",
            Self::Cron(_) => "cron",
            Self::None => "none",
        }
    }
}

impl Service {
    /// The one trigger, or none or two, which `checks` has refused.
    pub(super) fn triggers(&self) -> Vec<Trigger<'_>> {
        let http = self.http.iter().map(Trigger::Http);
        let kafka = self.kafka.iter().map(Trigger::Kafka);
        let cron = self.cron.iter().map(Trigger::Cron);
        let none = self.trigger.iter().map(|NoTrigger::None| Trigger::None);
        http.chain(kafka).chain(cron).chain(none).collect()
    }

    /// What calls this service.
    pub fn trigger(&self) -> Trigger<'_> {
        self.triggers().pop().expect("a manifest is checked to give each service a trigger")
    }

    /// The same service, called by the trigger of another.
    pub fn called_as(mut self, other: &Self) -> Self {
        (self.http, self.kafka) = (other.http.clone(), other.kafka.clone());
        (self.cron, self.trigger) = (other.cron.clone(), other.trigger);
        self
    }
}

/// The component answers HTTP requests: a listener for HTTP/1.1 and HTTP/2, the latter without TLS as well (h2c).
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpTrigger {
    /// Where it listens.
    #[serde(deserialize_with = "address")]
    #[schemars(with = "of::Address")]
    pub listen: SocketAddr,
    #[allow(missing_docs, reason = "the reference shows the comment of its type")]
    pub tls: Option<Tls>,
    /// The largest request body; a larger one is answered with 413. The host holds it in memory while it arrives.
    #[serde(default = "HttpTrigger::max_body")]
    pub max_body: Bytes,
    /// How long a client may take over the head of a request, also on an idle connection.
    #[serde(default = "HttpTrigger::header_timeout")]
    pub header_timeout: Duration,
    /// How long a client may take over the body of a request; then 408.
    #[serde(default = "HttpTrigger::body_timeout")]
    pub body_timeout: Duration,
    /// How long a client may read nothing, or next to nothing, of what there is for it; then its connection, or its stream, is
    /// closed.
    #[serde(default = "HttpTrigger::write_timeout")]
    pub write_timeout: Duration,
    /// Connections at the same time. Further ones take the place of those that wait for a request, or else wait to be accepted.
    #[serde(default = "HttpTrigger::max_connections")]
    #[schemars(range(min = 1))]
    pub max_connections: usize,
    /// Those of one address, or of one /64 network of IPv6; further ones are closed. Half of `max-connections` unless set. All
    /// clients behind a proxy have its address.
    #[schemars(range(min = 1))]
    pub max_connections_per_address: Option<usize>,
    /// Requests at the same time on one connection of HTTP/2. Their bodies together may be four times `max-body`.
    #[serde(default = "HttpTrigger::max_streams")]
    #[schemars(range(min = 1))]
    pub max_streams: u32,
    #[allow(missing_docs, reason = "the reference shows the comment of its type")]
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

    /// As for the head: whoever reads at all has read something by then.
    fn write_timeout() -> Duration {
        Duration(std::time::Duration::from_secs(30))
    }

    /// What RFC 9113 recommends as the least.
    fn max_streams() -> u32 {
        100
    }

    /// The bound of each address, also where it is not set.
    pub fn connections_per_address(&self) -> usize {
        self.max_connections_per_address.unwrap_or(self.max_connections.div_ceil(2))
    }

    /// Below the usual limit of 1,024 open files for each of the three ports of a small host together with its backends.
    fn max_connections() -> usize {
        1_000
    }
}

impl Manifest {
    /// Nothing but these services, of no text.
    pub fn of(services: BTreeMap<String, Service>) -> Self {
        let (host, backends) = (HostSettings::default(), Tables::default());
        Self { host, admin: None, backends, services, source: Source::default() }
    }

    pub(super) fn resolve_paths(mut self, folder: &Path) -> Self {
        self.host.state = self.host.state.take().map(|path| folder.join(path));
        for service in self.services.values_mut() {
            service.component = folder.join(&service.component);
        }
        let listeners = self.services.values_mut().filter_map(|service| service.http.as_mut()?.tls.as_mut());
        let admin = self.admin.as_mut().and_then(|admin| admin.tls.as_mut());
        listeners.chain(admin).for_each(|tls| tls.resolve_paths(folder));
        self
    }
}

pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    text(deserializer, "an address in quotes, as in \"0.0.0.0:8081\"", |text| {
        text.parse().map_err(|_| format!("{text:?} is no address: write IP:PORT, as in 0.0.0.0:8081"))
    })
}
