//! The life of a record: attempts with backoff, then done, or the dead-letter topic.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rdkafka::message::{Headers as _, Message as _, OwnedMessage};
use tokio_util::sync::CancellationToken;
use tracing::{Span, error, info, info_span, warn};

use crate::bindings::componentd::kafka::types::{Header, OutgoingRecord};
use crate::bindings::handler;
use crate::bindings::handler::exports::componentd::kafka::handler::{Failure, IncomingRecord};
use crate::capability::kafka::Producer;
use crate::config::KafkaTrigger;
use crate::deployment::Deployment;
use crate::dispatch::{self, InvocationError};
use crate::loader::Version;
use crate::metrics::Metrics;
use crate::registry::Service;

/// How long one try to reach the dead-letter topic may take before the next.
const DEAD_LETTER_TIMEOUT: Duration = Duration::from_secs(10);

/// What the names of the headers begin with that say why a record is a dead letter.
pub const DEAD_LETTER_PREFIX: &str = "dead-letter-";

/// What handling a record needs, the same for all partitions.
pub struct Handling {
    pub service: Arc<Service>,
    pub trigger: KafkaTrigger,
    pub producer: Producer,
    pub metrics: Arc<Metrics>,
}

/// What became of a record.
pub enum Done {
    /// It was handled, or it is in the dead-letter topic: its offset may be stored.
    Settled,
    /// The host is stopping between two attempts: it will come again.
    GivenUp,
}

/// What one attempt came to, when it was not a success.
enum Failed {
    /// By the component's word, by a trap, a timeout or a limit.
    Record(Failure),
    /// A backend was away, or the version was drained: no fault of the record, and it costs it no attempt.
    BackendAway(String),
}

impl Handling {
    /// Hands the record over, up to the attempts that the manifest allows.
    pub async fn handle(&self, message: &OwnedMessage, stopping: &CancellationToken) -> Done {
        let mut record = incoming(message);
        let id = format!("{}/{}/{}", record.topic, record.partition, record.offset);
        let mut waits = 0;
        loop {
            let deployment = self.service.pick_for_record();
            let version = deployment.version.clone();
            let span = self.span(&id, &version);
            let last = record.attempt >= self.trigger.attempts;
            let attempted = self.attempt(&deployment, &record, &id, span.clone()).await;
            // What follows may take long, and uses it no more.
            drop(deployment);
            let reason = match attempted {
                Ok(()) => return Done::Settled,
                Err(Failed::Record(Failure::Reject(reason))) => {
                    return self.bury(&record, &version, reason, &span, stopping).await;
                }
                Err(Failed::Record(Failure::Retry(reason))) if last => {
                    return self.bury(&record, &version, reason, &span, stopping).await;
                }
                Err(Failed::Record(Failure::Retry(reason))) => {
                    record.attempt += 1;
                    reason
                }
                Err(Failed::BackendAway(reason)) => reason,
            };
            waits += 1;
            let wait = backoff(&self.trigger, waits);
            span.in_scope(|| warn!(reason, ?wait, next_attempt = record.attempt, "will retry"));
            if pause(wait, stopping).await.is_stopping() {
                return Done::GivenUp;
            }
        }
    }

    fn span(&self, id: &str, version: &Version) -> Span {
        info_span!("record", service = self.service.name, version = %version.digest(), request_id = id)
    }

    async fn attempt(
        &self,
        deployment: &Arc<Deployment>,
        record: &IncomingRecord,
        id: &str,
        span: Span,
    ) -> Result<(), Failed> {
        let id =
            HeaderValue::from_str(id).expect("a topic's name is ASCII letters, digits, dots, hyphens and underscores");
        let outcome = dispatch::kafka(deployment, record, id, span).await;
        let failure = match outcome.result {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(failure)) => failure,
            // No fault of the record: the next version handles it, or this one when there is a place.
            Err(waits @ (InvocationError::Cut | InvocationError::NoPlace)) => {
                return Err(Failed::BackendAway(waits.to_string()));
            }
            Err(failure) => Failure::Retry(failure.to_string()),
        };
        Err(match failure {
            Failure::Retry(reason) if outcome.backend_away => Failed::BackendAway(reason),
            failure => Failed::Record(failure),
        })
    }

    /// Sends the record to the dead-letter topic, for as long as that takes: without it, it would be lost.
    async fn bury(
        &self,
        record: &IncomingRecord,
        version: &Version,
        reason: String,
        span: &Span,
        stopping: &CancellationToken,
    ) -> Done {
        let mut tries = 1;
        loop {
            let letter = dead_letter(&self.service.name, &self.trigger.dead_letter, record, version, &reason);
            match self.producer.send(letter, DEAD_LETTER_TIMEOUT).await {
                Ok(_) => {
                    let topic = &self.trigger.dead_letter;
                    self.metrics.dead_letter(&self.service.name);
                    span.in_scope(|| error!(attempt = record.attempt, reason, topic, "sent to the dead-letter topic"));
                    return Done::Settled;
                }
                Err(failure) => span.in_scope(|| error!(?failure, "the dead-letter topic does not take the record")),
            }
            if pause(backoff(&self.trigger, tries), stopping).await.is_stopping() {
                return Done::GivenUp;
            }
            tries += 1;
        }
    }
}

/// The wait after this attempt, from 1: it doubles each time.
fn backoff(trigger: &KafkaTrigger, attempt: u32) -> Duration {
    let factor = 2_u32.saturating_pow(attempt.saturating_sub(1));
    trigger.backoff.0.saturating_mul(factor).min(trigger.max_backoff.0)
}

/// How a pause ended.
#[derive(PartialEq, Eq)]
enum Paused {
    Over,
    Stopping,
}

impl Paused {
    fn is_stopping(&self) -> bool {
        *self == Self::Stopping
    }
}

async fn pause(wait: Duration, stopping: &CancellationToken) -> Paused {
    tokio::select! {
        () = tokio::time::sleep(wait) => Paused::Over,
        () = stopping.cancelled() => {
            info!("stopping between two attempts; the record will come again");
            Paused::Stopping
        }
    }
}

fn incoming(message: &OwnedMessage) -> IncomingRecord {
    let headers = message.headers().map(|headers| headers.iter().map(header).collect());
    IncomingRecord {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
        timestamp_ms: message.timestamp().to_millis(),
        payload: message.payload().map(<[u8]>::to_vec),
        attempt: 1,
    }
}

fn header(header: rdkafka::message::Header<'_, &[u8]>) -> handler::componentd::kafka::types::Header {
    let value = header.value.unwrap_or_default().to_vec();
    handler::componentd::kafka::types::Header { name: header.key.to_owned(), value }
}

/// The record as it was, with headers that say where it comes from and why it is here.
fn dead_letter(service: &str, topic: &str, record: &IncomingRecord, version: &Version, reason: &str) -> OutgoingRecord {
    let told = [
        ("service", service.to_owned()),
        ("version", version.digest().to_string()),
        ("reason", reason.to_owned()),
        ("attempts", record.attempt.to_string()),
        ("topic", record.topic.clone()),
        ("partition", record.partition.to_string()),
        ("offset", record.offset.to_string()),
    ];
    let own = record.headers.iter().map(|header| Header { name: header.name.clone(), value: header.value.clone() });
    let told = told
        .into_iter()
        .map(|(name, value)| Header { name: format!("{DEAD_LETTER_PREFIX}{name}"), value: value.into_bytes() });
    OutgoingRecord {
        topic: topic.to_owned(),
        key: record.key.clone(),
        headers: own.chain(told).collect(),
        payload: record.payload.clone(),
    }
}
