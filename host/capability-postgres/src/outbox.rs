//! Transactional publishing: records are kept in the database with the transaction that publishes them, and a relay sends
//! what was committed.
//!
//! The invariants:
//! - A record is in the table if and only if its transaction committed and the brokers have not acknowledged it yet. One that
//!   is larger than its topic takes is set aside, in a table of its own: no other record waits for it.
//! - Only one relay of all hosts on a database is between reading and deleting at a time (it has locked the only row of a
//!   table until the end of its transaction; an advisory lock could be anybody's), so records with equal keys are sent in the order of their ids. Writers of one key are ordered by
//!   their own row locks, so that is the order of their commits.
//! - A crash at any point repeats records and loses none; consumers tell repeats by the header `event-id`.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use componentd_capability_kafka::brokers::{Header, KafkaBackend, Record, client_config, headers};
use futures_util::future::join_all;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _, PurgeConfig};
use sqlx::PgConnection;
use sqlx::postgres::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::Roles;

/// Whose turn it is to send. Whoever has not got the row does not wait for it.
const TAKE_TURN: &str = "SELECT true FROM componentd_host.turns WHERE at = 'relay' FOR UPDATE SKIP LOCKED";

/// The schema's name is none that a database's user would have: Postgres looks a user's tables up in the schema of its name
/// first, so a schema `componentd` would hide the services' own tables from a user `componentd`.
const CREATE: &str = include_str!("host_schema.sql");

/// How components publish that have a role of their own, which has no right to the table.
pub(crate) const CREATE_PUBLISH: &str = include_str!("publish.sql");

const PUBLISH: &str = "SELECT componentd_api.publish($1, $2, $3, $4, $5)";

const INSERT: &str = "INSERT INTO componentd_host.outbox (topic, key, header_names, header_values, payload)
                      VALUES ($1, $2, $3, $4, $5)";

/// As many as are asked for, up to the one with which their payloads are so many bytes.
const READ: &str = "SELECT id, topic, key, header_names, header_values, payload
                    FROM (SELECT *, sum(size) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS bytes
                          FROM componentd_host.outbox, LATERAL (SELECT coalesce(octet_length(payload), 0)) AS sized (size)
                          ORDER BY id LIMIT $1) AS batch
                    WHERE bytes - size < $2 ORDER BY id";

const DELETE: &str = "DELETE FROM componentd_host.outbox WHERE id = ANY($1)";

const SET_ASIDE: &str = "WITH refused AS (DELETE FROM componentd_host.outbox WHERE id = ANY($1) RETURNING *)
                         INSERT INTO componentd_host.too_large SELECT * FROM refused";

const BACKLOG: &str = "SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8,
                              (SELECT count(*) FROM componentd_host.too_large)
                       FROM componentd_host.outbox";

/// The header by which consumers tell that a record has come before.
const EVENT_ID: &str = "event-id";

/// Records sent in one transaction of the relay: enough to keep the brokers busy, few enough to repeat after a crash.
const BATCH: usize = 500;

/// Bytes of payloads from which on a batch has no further record: the host holds all of it until it is acknowledged.
const BATCH_BYTES: usize = 8 << 20;

/// How often a relay looks without having been woken: for what a crashed host has left, and to measure the backlog.
const POLL: Duration = Duration::from_secs(1);

/// How long a batch may wait for its acknowledgements, and the lock with it, before it is given back.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);

/// The pause after a failure: the database or the brokers are away.
const BACKOFF: Duration = Duration::from_millis(500);

/// What a transaction of the service's own may take on its way out at the end.
const LAST_BATCH_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest record, with its headers: what brokers accept by default (`message.max.bytes`), less its framing.
const MAX_RECORD: usize = 1_000_000;

/// Makes the table where it is not there yet.
///
/// # Errors
/// The database is away or does not let us.
pub(crate) async fn create(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let mut tries = 1;
    loop {
        // Two hosts that start at once both find nothing, and one of them fails, and then finds what the other has made.
        match sqlx::raw_sql(CREATE).execute(&mut *connection).await {
            Err(sqlx::Error::Database(refusal))
                if tries < CREATE_TRIES && refusal.code().is_some_and(|code| MADE_MEANWHILE.contains(&&*code)) =>
            {
                tries += 1;
            }
            created => return created.map(|_| ()),
        }
    }
}

/// More than there are statements.
const CREATE_TRIES: u32 = 5;

/// What the server says where another has made the same just then: `unique_violation`, `duplicate_schema`,
/// `duplicate_table`, `duplicate_object`.
const MADE_MEANWHILE: [&str; 4] = ["23505", "42P06", "42P07", "42710"];

/// Whether a broker would ever take the record.
pub(crate) fn fits(record: &Record) -> bool {
    record.size() <= MAX_RECORD
}

/// Adds a record to the transaction that `connection` is in.
///
/// # Errors
/// As any insert.
pub(crate) async fn insert(connection: &mut PgConnection, mut record: Record, roles: Roles) -> Result<(), sqlx::Error> {
    if !record.headers.iter().any(|header| header.name == EVENT_ID) {
        let id = uuid::Uuid::now_v7().to_string().into_bytes();
        record.headers.push(Header { name: EVENT_ID.to_owned(), value: id });
    }
    let (names, values): (Vec<_>, Vec<_>) =
        record.headers.into_iter().map(|header| (header.name, header.value)).unzip();
    let insert = match roles {
        Roles::Shared => INSERT,
        Roles::Own => PUBLISH,
    };
    let insert = sqlx::query(insert).bind(record.topic).bind(record.key).bind(names).bind(values);
    insert.bind(record.payload).execute(connection).await?;
    Ok(())
}

/// Which outbox.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct OutboxLabels {
    pub service: String,
    pub database: String,
}

/// What is measured of all outboxes.
#[derive(Clone)]
pub(crate) struct OutboxMetrics {
    records: Family<OutboxLabels, Gauge>,
    oldest: Family<OutboxLabels, Gauge<f64, AtomicU64>>,
    too_large: Family<OutboxLabels, Gauge>,
}

impl OutboxMetrics {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let (records, oldest, too_large) = (Family::default(), Family::default(), Family::default());
        let unsent = "Committed records that the brokers have not acknowledged";
        registry.register("outbox_records", unsent, Family::clone(&records));
        registry.register("outbox_oldest_seconds", "Age of the oldest of them", Family::clone(&oldest));
        let set_aside = "Records that were set aside because their topics take none as large";
        registry.register("outbox_too_large_records", set_aside, Family::clone(&too_large));
        Self { records, oldest, too_large }
    }

    fn set(&self, labels: &OutboxLabels, (records, oldest_seconds, too_large): (i64, f64, i64)) {
        self.records.get_or_create(labels).set(records);
        self.oldest.get_or_create(labels).set(oldest_seconds);
        self.too_large.get_or_create(labels).set(too_large);
    }
}

/// Sends what was committed in one database.
pub(crate) struct Relay {
    pool: PgPool,
    producer: FutureProducer,
    committed: Arc<Notify>,
    labels: OutboxLabels,
    metrics: OutboxMetrics,
}

/// What a relay found.
enum Found {
    /// There may be more.
    FullBatch,
    /// Nothing is left, or another host is at it.
    NoMore,
}

/// What became of the records of a batch. Those that are in neither stay.
#[derive(Default)]
struct Sent {
    acknowledged: Vec<i64>,
    /// Larger than their topics take.
    too_large: Vec<i64>,
}

type Row = (i64, String, Option<Vec<u8>>, Vec<String>, Vec<Vec<u8>>, Option<Vec<u8>>);

impl Relay {
    /// A relay with a producer of its own, woken by `committed`.
    ///
    /// # Errors
    /// librdkafka refuses the configuration.
    pub(crate) fn new(
        backend: &KafkaBackend,
        pool: PgPool,
        committed: Arc<Notify>,
        labels: OutboxLabels,
        metrics: OutboxMetrics,
    ) -> Result<Self, KafkaError> {
        let mut config = client_config(backend);
        config.set("enable.idempotence", "true").set("linger.ms", "0");
        // A record that gave up alone would be overtaken by the next one of its key: all wait, or all are taken back.
        config.set("message.timeout.ms", "0");
        Ok(Self { pool, producer: config.create()?, committed, labels, metrics })
    }

    /// Relays until `stop`, and then once more, so that what requests have committed until then leaves with us.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut failing = false;
        let mut look = tokio::time::interval(POLL);
        while !stop.is_cancelled() {
            match self.relay().await {
                Ok(Found::FullBatch) => {
                    self.measure().await;
                    continue;
                }
                Ok(Found::NoMore) => self.recovered(&mut failing),
                Err(error) => self.failed(&mut failing, &error).await,
            }
            tokio::select! {
                () = self.committed.notified() => {}
                _ = look.tick() => self.measure().await,
                () = stop.cancelled() => {}
            }
        }
        let _ = tokio::time::timeout(LAST_BATCH_TIMEOUT, self.relay()).await;
        tokio::task::spawn_blocking(move || drop(self)).await.expect("dropping a producer does not panic");
    }

    /// One line when it begins and one when it ends, however long it takes.
    async fn failed(&self, failing: &mut bool, error: &sqlx::Error) {
        if !*failing {
            warn!(service = self.labels.service, database = self.labels.database, %error, "outbox waits");
        }
        *failing = true;
        tokio::time::sleep(BACKOFF).await;
    }

    fn recovered(&self, failing: &mut bool) {
        if std::mem::take(failing) {
            info!(service = self.labels.service, database = self.labels.database, "outbox goes on");
        }
    }

    /// One batch: lock, read, send, delete what was acknowledged, set aside what never will be.
    async fn relay(&self) -> Result<Found, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        if sqlx::query_scalar::<_, bool>(TAKE_TURN).fetch_optional(&mut *transaction).await?.is_none() {
            return Ok(Found::NoMore);
        }
        let read = sqlx::query_as(READ).bind(BATCH as i64).bind(BATCH_BYTES as i64);
        let rows: Vec<Row> = read.fetch_all(&mut *transaction).await?;
        if rows.is_empty() {
            return Ok(Found::NoMore);
        }
        let bytes: usize = rows.iter().filter_map(|row| row.5.as_ref()).map(Vec::len).sum();
        let is_full = rows.len() == BATCH || bytes >= BATCH_BYTES;
        let Sent { acknowledged, too_large } = self.send_each(&rows).await;
        sqlx::query(DELETE).bind(&acknowledged).execute(&mut *transaction).await?;
        if !too_large.is_empty() {
            sqlx::query(SET_ASIDE).bind(&too_large).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        let all = acknowledged.len() + too_large.len() == rows.len();
        Ok(if all && is_full { Found::FullBatch } else { Found::NoMore })
    }

    /// All of them at once, and those once more alone that are refused for their size: brokers refuse what came together.
    async fn send_each(&self, rows: &[Row]) -> Sent {
        let mut sent = self.send(rows).await;
        for id in std::mem::take(&mut sent.too_large) {
            let alone = rows.iter().find(|row| row.0 == id).map(std::slice::from_ref).unwrap_or_default();
            let Sent { acknowledged, too_large } = self.send(alone).await;
            for (id, topic, ..) in alone.iter().filter(|row| too_large.contains(&row.0)) {
                let OutboxLabels { service, database } = &self.labels;
                error!(
                    service,
                    database,
                    id,
                    topic,
                    "a record of the outbox is larger than its topic takes, and is set aside in componentd_host.too_large"
                );
            }
            sent.acknowledged.extend(acknowledged);
            sent.too_large.extend(too_large);
        }
        sent
    }

    /// One try. Where not all come in time, the rest is taken back from the producer.
    async fn send(&self, rows: &[Row]) -> Sent {
        let mut sent = Sent::default();
        let mut under_way = Vec::with_capacity(rows.len());
        for row in rows {
            match self.enqueue(row) {
                Ok(delivery) => under_way.push((row.0, delivery)),
                Err(error) if is_too_large(&error) => sent.too_large.push(row.0),
                // A full queue ends the batch here; the rest stays in the table for the next one.
                Err(_) => break,
            }
        }
        let all = async {
            let deliveries = under_way.into_iter().map(|(id, delivery)| async move { (id, delivery.await) });
            join_all(deliveries).await
        };
        tokio::pin!(all);
        let results = match tokio::time::timeout(SEND_TIMEOUT, &mut all).await {
            Ok(results) => results,
            Err(_) => {
                self.producer.purge(PurgeConfig::default().queue().inflight());
                all.await
            }
        };
        let mut failed = None;
        for (id, result) in results {
            match result {
                Ok(Ok(_)) => sent.acknowledged.push(id),
                Ok(Err((error, _))) if is_too_large(&error) => sent.too_large.push(id),
                Ok(Err((error, _))) => failed = failed.or(Some(error.to_string())),
                Err(canceled) => failed = failed.or(Some(canceled.to_string())),
            }
        }
        if let Some(error) = failed {
            warn!(service = self.labels.service, error, "the brokers have not taken all records of the outbox");
        }
        sent
    }

    fn enqueue(&self, row: &Row) -> Result<DeliveryFuture, KafkaError> {
        let (_, topic, key, names, values, payload) = row;
        let pairs = names.iter().zip(values).map(|(name, value)| (name.as_bytes(), Some(value.as_slice())));
        let mut record = FutureRecord::to(topic).headers(headers(pairs));
        record.key = key.as_deref();
        record.payload = payload.as_deref();
        self.producer.send_result(record).map_err(|(error, _)| error)
    }

    async fn measure(&self) {
        if let Ok(backlog) = sqlx::query_as(BACKLOG).fetch_one(&self.pool).await {
            self.metrics.set(&self.labels, backlog);
        }
    }
}

fn is_too_large(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge)
}
