//! Everything that runs: the servers, the mailbox, and the host.

use std::path::Path;
use std::sync::atomic::AtomicU32;
use std::sync::{PoisonError, RwLock};

use anyhow::{Context, Result};
use dev_backends::{INIT_SQL, Mailbox, Postgres, Redis, Scratch};
use tokio::sync::Mutex;

use crate::backend::Backend;
use crate::chronicle::Chronicle;
use crate::fault::{Fault, Kind, Target};
use crate::host::{Host, Launcher, Ports};
use crate::http::Http;
use crate::kafka::Kafka;
use crate::logs::ServerLogs;
use crate::options::Options;
use crate::proxy::Proxy;
use crate::quota::{Quota, Quotas};
use crate::stage::{self, Stage};

/// Enough for the databases and the write-ahead log of a long run, and for an append-only file and its rewriting.
const POSTGRES_MEGABYTES: u32 = 768;
const REDIS_MEGABYTES: u32 = 64;

/// Fields are dropped in this order: the host before its backends, and the folder last.
pub struct World {
    pub host: Mutex<Host>,
    /// Where customers go.
    pub ports: RwLock<Ports>,
    pub launcher: Launcher,
    pub http: Http,
    pub postgres: Backend<Postgres>,
    pub redis: Backend<Redis>,
    pub kafka: Kafka,
    pub mailbox: Mailbox,
    pub mail_proxy: Proxy,
    /// Held by the one fault that is at the mailbox.
    pub mail_fault: Mutex<()>,
    pub urls: Urls,
    pub chronicle: Chronicle,
    pub logs: ServerLogs,
    _scratch: Scratch,
}

/// What the account connects to, past the proxies.
#[derive(Clone, Debug)]
pub struct Urls {
    pub postgres: String,
    pub redis: String,
    pub kafka: String,
}

impl World {
    /// Starts everything; logs go to `out`.
    ///
    /// # Errors
    /// Something is not built, not installed, or does not start.
    pub async fn start(options: &Options, quotas: &Quotas, out: &Path) -> Result<Self> {
        let (stage, jars) = (Stage::set(options, &out.join("stage"))?, stage::kafka_jars(options)?);
        let scratch = Scratch::new()?;
        let data = scratch.path();
        let (postgres, redis, kafka) = tokio::try_join!(
            start_postgres(data, disk(data, "postgres-disk", POSTGRES_MEGABYTES, quotas)),
            start_redis(data, disk(data, "redis-disk", REDIS_MEGABYTES, quotas)),
            Kafka::start(jars.as_deref(), data),
        )?;
        let ((postgres, postgres_url), (redis, redis_url)) = (postgres, redis);
        let mailbox = Mailbox::start(0).await?;
        let mail_proxy = Proxy::start(mailbox.port()).await?;
        let urls = Urls { postgres: postgres_url, redis: redis_url, kafka: kafka.direct() };
        let environment = vec![
            ("DATABASE_URL", through(&urls.postgres, &postgres.proxy)?),
            ("REDIS_URL", through(&urls.redis, &redis.proxy)?),
            ("KAFKA_BROKERS", kafka.for_host()),
            ("SENDGRID_URL", through(&mailbox.url(), &mail_proxy)?),
            ("SENDGRID_API_KEY", "chaos".to_owned()),
            ("SENDGRID_PRIVATE", "true".to_owned()),
            ("MAILBOX_URL", format!("{}/mailbox", mailbox.url())),
        ];
        let launcher = Launcher { stage, environment, logs: out.to_owned(), started: AtomicU32::new(0) };
        let ports = Ports::free()?;
        Ok(Self {
            host: Mutex::new(launcher.launch(ports)?),
            ports: RwLock::new(ports),
            launcher,
            http: Http::default(),
            postgres,
            redis,
            kafka,
            mailbox,
            mail_proxy,
            mail_fault: Mutex::new(()),
            urls,
            chronicle: Chronicle::create(&out.join("faults.log"))?,
            logs: ServerLogs { data: data.to_owned(), out: out.to_owned() },
            _scratch: scratch,
        })
    }

    /// Whether a fault can be injected here.
    pub fn allows(&self, fault: Fault) -> bool {
        match (fault.target, fault.kind) {
            (Target::Kafka, _) => self.kafka.apache().is_some(),
            (Target::Postgres, Kind::FullDisk) => self.postgres.quota.is_some(),
            (Target::Redis, Kind::FullDisk) => self.redis.quota.is_some(),
            _ => true,
        }
    }

    /// Where customers go now.
    pub fn ports(&self) -> Ports {
        *self.ports.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends customers elsewhere.
    pub fn move_to(&self, ports: Ports) {
        *self.ports.write().unwrap_or_else(PoisonError::into_inner) = ports;
    }
}

/// A disk with a quota, or a loud word that there is none.
fn disk(data: &Path, name: &str, megabytes: u32, quotas: &Quotas) -> Option<Quota> {
    let mounted = quotas.clone().map_err(anyhow::Error::msg);
    let mounted = mounted.and_then(|()| Quota::mount(&data.join(name), megabytes));
    let refused = |error: &anyhow::Error| eprintln!("\n*** No disk is filled up: {error:#} ***\n");
    mounted.inspect_err(refused).ok()
}

async fn start_postgres(data: &Path, quota: Option<Quota>) -> Result<(Backend<Postgres>, String)> {
    let folder = if quota.is_some() { data.join("postgres-disk") } else { data.to_owned() };
    let server = Postgres::start(&folder, 0, INIT_SQL).await?;
    let url = server.url();
    Ok((Backend::new(server, port(&url)?, quota).await?, url))
}

async fn start_redis(data: &Path, quota: Option<Quota>) -> Result<(Backend<Redis>, String)> {
    let folder = if quota.is_some() { data.join("redis-disk") } else { data.to_owned() };
    let server = Redis::start(&folder, 0).await?;
    let url = server.url();
    Ok((Backend::new(server, port(&url)?, quota).await?, url))
}

/// The port in `scheme://user:password@127.0.0.1:port/path`.
fn port(url: &str) -> Result<u16> {
    let after = url.rsplit_once("127.0.0.1:").context("a server of ours is on loopback")?.1;
    let digits = after.split('/').next().unwrap_or(after);
    digits.parse().with_context(|| format!("no port in {url}"))
}

/// The same server, seen through a proxy.
fn through(url: &str, proxy: &Proxy) -> Result<String> {
    let (from, to) = (port(url)?, proxy.port());
    Ok(url.replace(&format!("127.0.0.1:{from}"), &format!("127.0.0.1:{to}")))
}
