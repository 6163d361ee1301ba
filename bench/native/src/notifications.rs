//! Mails a confirmation of each order: looks the customer's address up in Redis and posts the mail to SendGrid.

use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::ConnectionManager;
use ::redis::{RedisError, RedisResult, cmd};
use anyhow::{Context, Result};
use rdkafka::message::{Header, Message as _, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::client::Client;
use crate::lanes::Settle;
use crate::mail::{Failure, Mailer, OrderCreated};
use crate::{kafka, lanes, redis};

const ATTEMPTS: u32 = 5;
/// The wait before the second attempt; it doubles from one to the next.
const BACKOFF: Duration = Duration::from_millis(200);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
const DEAD_LETTER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a repeated event is known as one: as long as Kafka keeps records by default.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[derive(clap::Args)]
pub struct Settings {
    #[arg(long, env = "KAFKA_BROKERS")]
    brokers: String,
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    redis_url: String,
    #[arg(long, env = "SENDGRID_URL", default_value = "https://api.sendgrid.com")]
    sendgrid_url: String,
    #[arg(long, env = "MAIL_FROM", default_value = "orders@example.com")]
    from: String,
    #[arg(long, env = "SENDGRID_API_KEY", hide_env_values = true)]
    api_key: String,
    #[arg(long, default_value = "orders")]
    topic: String,
    #[arg(long, default_value = "notifications")]
    group: String,
}

/// Handles records, of many partitions at once.
pub struct Notifications {
    redis: ConnectionManager,
    mailer: Mailer,
    producer: FutureProducer,
    dead_letter: String,
}

pub async fn run(settings: Settings) -> Result<()> {
    let url = format!("{}/v3/mail/send", settings.sendgrid_url.trim_end_matches('/'));
    let mailer = Mailer {
        client: Client::new(),
        url: url.parse().context("--sendgrid-url is no URL")?,
        authorization: format!("Bearer {}", settings.api_key).parse().context("--api-key is no header's value")?,
        from: settings.from,
    };
    let notifications = Notifications {
        redis: redis::open(&settings.redis_url)?,
        mailer,
        producer: kafka::producer(&settings.brokers, "10000")?,
        dead_letter: format!("{}.dead-letter", settings.topic),
    };
    lanes::consume(&settings.brokers, &settings.topic, &settings.group, Arc::new(notifications)).await
}

impl Settle for Notifications {
    async fn settle(&self, record: &OwnedMessage) {
        let mut wait = BACKOFF;
        for attempt in 1..=ATTEMPTS {
            match self.handle(record).await {
                Ok(()) => return,
                Err(Failure::Retry(reason)) if attempt < ATTEMPTS => {
                    eprintln!("will retry: {reason}");
                    tokio::time::sleep(wait).await;
                    wait = MAX_BACKOFF.min(wait * 2);
                }
                Err(Failure::Retry(reason) | Failure::Reject(reason)) => {
                    return self.bury(record, attempt, &reason).await;
                }
            }
        }
    }
}

impl Notifications {
    async fn handle(&self, record: &OwnedMessage) -> Result<(), Failure> {
        let payload = record.payload().ok_or_else(|| Failure::Reject("the record has no payload".to_owned()))?;
        let event: OrderCreated = serde_json::from_slice(payload)
            .map_err(|error| Failure::Reject(format!("the payload is no order event: {error}")))?;
        let mark = format!("notified:{}", event.event_id);
        if cmd("EXISTS").arg(&mark).query_async(&mut self.redis.clone()).await.map_err(later)? {
            return Ok(());
        }
        self.mailer.send(&event, &self.address_of(event.user_id).await?).await?;
        self.remember(&mark).await;
        Ok(())
    }

    /// An address that is not there may still come: another partition, or the sign-up itself, may be slower.
    async fn address_of(&self, user_id: i64) -> Result<String, Failure> {
        let key = format!("user:{user_id}:email");
        let value: Option<Vec<u8>> = cmd("GET").arg(&key).query_async(&mut self.redis.clone()).await.map_err(later)?;
        let bytes = value.ok_or_else(|| Failure::Retry(format!("there is no email at {key}")))?;
        String::from_utf8(bytes).map_err(|_| Failure::Reject(format!("the email at {key} is no text")))
    }

    /// After the mail, so that none is lost; a crash in between may send it twice.
    async fn remember(&self, mark: &str) {
        let ttl = REMEMBERED.as_secs() * 1000;
        let set = cmd("SET").arg(mark).arg("1").arg("PX").arg(ttl).to_owned();
        let kept: RedisResult<()> = set.query_async(&mut self.redis.clone()).await;
        if let Err(error) = kept {
            eprintln!("{mark} is not kept, a repeated event would send a second mail: {error}");
        }
    }

    /// For as long as it takes: without it, the record would be lost.
    async fn bury(&self, record: &OwnedMessage, attempts: u32, reason: &str) {
        loop {
            match self.producer.send(self.letter(record, attempts, reason), DEAD_LETTER_TIMEOUT).await {
                Ok(_) => return eprintln!("sent to {}: {reason}", self.dead_letter),
                Err((error, _)) => eprintln!("{} does not take the record: {error}", self.dead_letter),
            }
            tokio::time::sleep(BACKOFF).await;
        }
    }

    /// The record as it was, with headers that say where it comes from and why it is there.
    fn letter<'a>(&'a self, record: &'a OwnedMessage, attempts: u32, reason: &str) -> FutureRecord<'a, [u8], [u8]> {
        let told = [
            ("dead-letter-service", "notifications"),
            ("dead-letter-reason", reason),
            ("dead-letter-attempts", &attempts.to_string()),
            ("dead-letter-topic", record.topic()),
            ("dead-letter-partition", &record.partition().to_string()),
            ("dead-letter-offset", &record.offset().to_string()),
        ];
        let headers = record.headers().cloned().unwrap_or_else(|| OwnedHeaders::new_with_capacity(told.len()));
        let headers = told
            .into_iter()
            .fold(headers, |headers, (key, value)| headers.insert(Header { key, value: Some(value.as_bytes()) }));
        let mut letter = FutureRecord::to(&self.dead_letter).headers(headers);
        (letter.key, letter.payload) = (record.key(), record.payload());
        letter
    }
}

fn later(error: RedisError) -> Failure {
    Failure::Retry(format!("Redis: {error}"))
}
