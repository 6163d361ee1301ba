//! Postgres, Redis and Kafka: the same for all candidates, with databases for each, and emptied before each sample.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dev_backends::{ApacheKafka, EmbeddedKafka, Postgres, Redis};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::options::Options;
use crate::repository::root;

/// Of the host and of the native services: each keeps its own account of migrations.
const INIT_SQL: &str = "
    CREATE DATABASE usersdb; CREATE DATABASE ordersdb; CREATE DATABASE storedb;
    CREATE DATABASE native_usersdb; CREATE DATABASE native_ordersdb; CREATE DATABASE native_storedb;";
const DATABASES: &[&str] = &["usersdb", "ordersdb", "storedb", "native_usersdb", "native_ordersdb", "native_storedb"];
/// Everything but what migrations put there.
const FILLED: &str = "select format('%I.%I', schemaname, tablename) from pg_tables \
     where schemaname not in ('pg_catalog', 'information_schema', 'componentd_migrations') \
     and (schemaname <> 'componentd_host' or tablename = 'outbox') \
     and tablename <> 'products' and tablename not like '%migration%'";

/// Those that run.
pub struct Backends {
    postgres: Postgres,
    redis: Redis,
    kafka: Kafka,
}

enum Kafka {
    Apache(Box<ApacheKafka>),
    Embedded(EmbeddedKafka),
}

impl Backends {
    /// Starts all of them, with their data in `data`.
    ///
    /// # Errors
    /// One of them does not start.
    pub async fn start(options: &Options, data: &Path) -> Result<Self> {
        let postgres = Postgres::start(data, 0, INIT_SQL);
        let (postgres, redis) = tokio::try_join!(postgres, Redis::start(data, 0))?;
        Ok(Self { postgres, redis, kafka: start_kafka(options, data).await? })
    }

    /// The server, as the host wants it.
    pub fn postgres(&self) -> String {
        self.postgres.url()
    }

    /// One database, as the native services want it.
    pub fn database(&self, name: &str) -> String {
        let url = self.postgres.url();
        let (server, _) = url.rsplit_once('/').expect("a URL of ours ends with a database");
        format!("{server}/{name}")
    }

    /// The server.
    pub fn redis(&self) -> String {
        self.redis.url()
    }

    /// `host:port`.
    pub fn brokers(&self) -> String {
        match &self.kafka {
            Kafka::Apache(kafka) => kafka.url(),
            Kafka::Embedded(kafka) => kafka.url(),
        }
    }

    /// As it was before the first sample: a table that grows would be slower for those who come later.
    ///
    /// # Errors
    /// A server does not answer.
    pub async fn empty(&self) -> Result<()> {
        for name in DATABASES {
            truncate(&self.database(name)).await.with_context(|| format!("cannot empty {name}"))?;
        }
        let mut redis = redis::Client::open(self.redis())?.get_multiplexed_async_connection().await?;
        Ok(redis::cmd("FLUSHALL").query_async(&mut redis).await?)
    }

    /// Stops all of them.
    pub async fn stop(mut self) {
        if let Kafka::Apache(kafka) = &mut self.kafka {
            kafka.stop().await;
        }
        self.redis.stop().await;
        self.postgres.stop().await;
    }
}

async fn truncate(url: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    let tables: Vec<String> = sqlx::query_scalar(FILLED).fetch_all(&mut connection).await?;
    if !tables.is_empty() {
        let truncate = format!("truncate {} restart identity", tables.join(", "));
        connection.execute(AssertSqlSafe(truncate)).await?;
    }
    // What autovacuum would do at any time, it need not do during a sample.
    connection.execute("vacuum analyze").await?;
    Ok(connection.close().await?)
}

async fn start_kafka(options: &Options, data: &Path) -> Result<Kafka> {
    if let Some(jars) = jars(options) {
        return Ok(Kafka::Apache(Box::new(ApacheKafka::start(&jars, data, 0).await?)));
    }
    eprintln!("\n*** No Apache Kafka: the EMBEDDED broker stands in. `cargo xtask bench` fetches Apache's. ***\n");
    Ok(Kafka::Embedded(EmbeddedKafka::start()?))
}

fn jars(options: &Options) -> Option<PathBuf> {
    let jars = options.kafka_jars.clone().unwrap_or_else(|| root().join(".componentd/kafka-jars"));
    jars.join("pom.xml").is_file().then_some(jars)
}
