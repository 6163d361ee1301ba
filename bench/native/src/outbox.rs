//! Transactional publishing, by the host's table and algorithm: records are kept with the transaction that publishes
//! them, and a relay sends what was committed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _, PurgeConfig};
use sqlx::{PgConnection, PgPool};
use tokio::sync::Notify;

use crate::{database, kafka};

/// The host's, so that both never send at once.
const RELAY_LOCK: i64 = 0x636d_7064_0001;
const CREATE_LOCK: i64 = 0x636d_7064_0002;

const CREATE: &str = "
    CREATE SCHEMA IF NOT EXISTS componentd_host;
    CREATE TABLE IF NOT EXISTS componentd_host.outbox (
        id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        created_at    timestamptz NOT NULL DEFAULT now(),
        topic         text        NOT NULL,
        key           bytea,
        header_names  text[]      NOT NULL,
        header_values bytea[]     NOT NULL,
        payload       bytea
    )";
const INSERT: &str = "INSERT INTO componentd_host.outbox (topic, key, header_names, header_values, payload)
                      VALUES ($1, $2, $3, $4, $5)";
const READ: &str = "SELECT id, topic, key, header_names, header_values, payload
                    FROM componentd_host.outbox ORDER BY id LIMIT $1";
const DELETE: &str = "DELETE FROM componentd_host.outbox WHERE id = ANY($1)";

const BATCH: i64 = 500;
const POLL: Duration = Duration::from_secs(1);
const SEND_TIMEOUT: Duration = Duration::from_secs(20);
const BACKOFF: Duration = Duration::from_millis(500);

/// Makes the table where it is not there yet.
///
/// # Errors
/// The database is away or does not let us.
pub async fn create(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(CREATE_LOCK).execute(&mut *transaction).await?;
    sqlx::raw_sql(CREATE).execute(&mut *transaction).await?;
    transaction.commit().await
}

/// Adds a record to the transaction that `connection` is in.
///
/// # Errors
/// As any insert.
pub async fn insert(
    connection: &mut PgConnection,
    topic: &str,
    key: &str,
    event_id: &str,
    payload: Vec<u8>,
) -> Result<(), sqlx::Error> {
    let insert = sqlx::query(INSERT).bind(topic).bind(key.as_bytes()).bind(["event-id"]).bind([event_id.as_bytes()]);
    insert.bind(payload).execute(connection).await?;
    Ok(())
}

/// Sends what was committed, over a connection of its own: it is held while the brokers are away.
pub struct Relay {
    pool: PgPool,
    producer: FutureProducer,
    committed: Arc<Notify>,
}

type Row = (i64, String, Option<Vec<u8>>, Vec<String>, Vec<Vec<u8>>, Option<Vec<u8>>);

impl Relay {
    /// # Errors
    /// librdkafka refuses the configuration.
    pub fn new(brokers: &str, pool: &PgPool, committed: Arc<Notify>) -> Result<Self, KafkaError> {
        let pool = database::pool(&pool.connect_options(), 1);
        // A record that gave up alone would be overtaken by the next one of its key.
        Ok(Self { pool, producer: kafka::producer(brokers, "0")?, committed })
    }

    pub async fn run(self) {
        let mut look = tokio::time::interval(POLL);
        loop {
            match self.relay().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    eprintln!("outbox waits: {error}");
                    tokio::time::sleep(BACKOFF).await;
                }
            }
            tokio::select! {
                () = self.committed.notified() => {}
                _ = look.tick() => {}
            }
        }
    }

    /// One batch: lock, read, send, delete what was acknowledged. True if there may be more.
    async fn relay(&self) -> Result<bool, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let lock = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)").bind(RELAY_LOCK);
        if !lock.fetch_one(&mut *transaction).await? {
            return Ok(false);
        }
        let rows: Vec<Row> = sqlx::query_as(READ).bind(BATCH).fetch_all(&mut *transaction).await?;
        if rows.is_empty() {
            return Ok(false);
        }
        let acknowledged = self.send(&rows).await;
        sqlx::query(DELETE).bind(&acknowledged).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(i64::try_from(acknowledged.len()) == Ok(BATCH))
    }

    /// The ids of the rows that the brokers have. Where not all come in time, the rest is taken back from the producer.
    async fn send(&self, rows: &[Row]) -> Vec<i64> {
        let sent: Vec<_> = rows.iter().map_while(|row| self.enqueue(row).map(|delivery| (row.0, delivery))).collect();
        let deliveries = sent.into_iter().map(|(id, delivery)| async move { (id, delivery.await) });
        let all = join_all(deliveries);
        tokio::pin!(all);
        let results = match tokio::time::timeout(SEND_TIMEOUT, &mut all).await {
            Ok(results) => results,
            Err(_) => {
                eprintln!("the brokers have not taken all records of the outbox");
                self.producer.purge(PurgeConfig::default().queue().inflight());
                all.await
            }
        };
        results.into_iter().filter(|(_, result)| matches!(result, Ok(Ok(_)))).map(|(id, _)| id).collect()
    }

    /// A full queue ends the batch; the rest stays in the table for the next one.
    fn enqueue(&self, row: &Row) -> Option<DeliveryFuture> {
        let (_, topic, key, names, values, payload) = row;
        let mut headers = OwnedHeaders::new_with_capacity(names.len());
        for (name, value) in names.iter().zip(values) {
            headers = headers.insert(Header { key: name, value: Some(value) });
        }
        let mut record = FutureRecord::to(topic).headers(headers);
        record.key = key.as_deref();
        record.payload = payload.as_deref();
        self.producer.send_result(record).ok()
    }
}
