//! The life of a record: attempts with backoff, then done, or the dead-letter topic.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use componentd_capability_kafka::brokers::{Outgoing, Producer, SendError, headers, headers_of};
use componentd_config::KafkaTrigger;
use componentd_core::deployment::Deployment;
use componentd_core::dispatch::InvocationError;
use componentd_core::loader::Version;
use componentd_core::metrics::Metrics;
use componentd_core::registry::Service;
use futures_util::FutureExt;
use http::HeaderValue;
use rdkafka::message::{Message as _, OwnedMessage};
use tokio_util::sync::CancellationToken;
use tracing::{Span, error, info, info_span, warn};

use super::call::call;
use super::refusal::Refusal;

/// How long one try to reach the dead-letter topic may take before the next.
const DEAD_LETTER_TIMEOUT: Duration = Duration::from_secs(10);

/// What the names of the headers begin with that say why a record is a dead letter.
pub const DEAD_LETTER_PREFIX: &str = "dead-letter-";

/// The header of a letter that is without what the record had, because the dead-letter topic does not take as much.
pub const DEAD_LETTER_CUT: &str = "dead-letter-cut";

/// Of the reason that a letter gives. Components choose theirs.
const MAX_REASON: usize = 4 << 10;

/// What handling a record needs, the same for all partitions.
pub struct Handling {
    /// What is called.
    pub service: Arc<Service>,
    /// How often, and how long between.
    pub trigger: KafkaTrigger,
    /// What writes dead letters.
    pub producer: Producer,
    /// Where records are counted.
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
    Record(Refusal),
    /// A backend was away, or the version was drained: no fault of the record, and it costs it no attempt.
    BackendAway(String),
}

impl Handling {
    /// Hands the record over, up to the attempts that the manifest allows.
    pub async fn handle(&self, message: &OwnedMessage, stopping: &CancellationToken) -> Done {
        let id = format!("{}/{}/{}", message.topic(), message.partition(), message.offset());
        let (mut attempt, mut waits) = (1, 0);
        loop {
            let deployment = self.service.pick_in_turn();
            let version = deployment.version.clone();
            let span = self.span(&id, &version);
            let last = attempt >= self.trigger.attempts;
            let letter = |reason| Letter { message, attempt, version: &version, reason };
            let attempted = self.attempt(&deployment, message, attempt, &id, span.clone()).await;
            // What follows may take long, and uses it no more.
            drop(deployment);
            let reason = match attempted {
                Ok(()) => return Done::Settled,
                Err(Failed::Record(Refusal::Reject(reason))) => {
                    return self.bury(letter(reason), &span, stopping).await;
                }
                Err(Failed::Record(Refusal::Retry(reason))) if last => {
                    return self.bury(letter(reason), &span, stopping).await;
                }
                Err(Failed::Record(Refusal::Retry(reason))) => {
                    attempt += 1;
                    reason
                }
                Err(Failed::BackendAway(reason)) => reason,
            };
            waits += 1;
            let wait = backoff(&self.trigger, waits);
            span.in_scope(|| warn!(reason, ?wait, next_attempt = attempt, "will retry"));
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
        message: &OwnedMessage,
        attempt: u32,
        id: &str,
        span: Span,
    ) -> Result<(), Failed> {
        let id =
            HeaderValue::from_str(id).expect("a topic's name is ASCII letters, digits, dots, hyphens and underscores");
        // A fault of the host itself is the record's: it must not end the lane, and with it all that comes later.
        let Ok(invoked) = AssertUnwindSafe(call(deployment, message, attempt, id, span)).catch_unwind().await else {
            let reason = "the host has panicked at it: see its standard error, and report it";
            return Err(Failed::Record(Refusal::Retry(reason.to_owned())));
        };
        let refusal = match invoked.result {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(refusal)) => refusal,
            // No fault of the record: the next version handles it, or this one when there is a place.
            Err(waits @ (InvocationError::Cut | InvocationError::NoPlace)) => {
                return Err(Failed::BackendAway(waits.to_string()));
            }
            Err(failure) => Refusal::Retry(failure.to_string()),
        };
        Err(match refusal {
            Refusal::Retry(reason) if invoked.backend_away => Failed::BackendAway(reason),
            refusal => Failed::Record(refusal),
        })
    }

    /// Sends the record to the dead-letter topic, for as long as that takes: without it, it would be lost.
    async fn bury(&self, letter: Letter<'_>, span: &Span, stopping: &CancellationToken) -> Done {
        let (topic, mut tries, mut is_cut) = (&self.trigger.dead_letter, 1, false);
        loop {
            let record = letter.record(&self.service.name, topic, is_cut);
            match self.producer.pass_on(record, DEAD_LETTER_TIMEOUT).await {
                Ok(_) => {
                    let Letter { attempt, reason, .. } = letter;
                    self.metrics.dead_letter(&self.service.name);
                    span.in_scope(|| error!(attempt, reason, topic, "sent to the dead-letter topic"));
                    return Done::Settled;
                }
                Err(SendError::TooLarge(reason)) if !is_cut => {
                    span.in_scope(|| error!(reason, topic, "the letter is too large, and goes without its content"));
                    is_cut = true;
                    continue;
                }
                Err(failure) => span.in_scope(|| error!(%failure, "the dead-letter topic does not take the record")),
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

/// A record that was not handled, and why.
struct Letter<'a> {
    message: &'a OwnedMessage,
    attempt: u32,
    /// The last one that it was handed to.
    version: &'a Version,
    reason: String,
}

impl Letter<'_> {
    /// The record as it was, with headers that say where it comes from and why it is here. One that is cut has these alone.
    fn record<'a>(&'a self, service: &str, topic: &'a str, is_cut: bool) -> Outgoing<'a> {
        let Self { message, attempt, version, reason } = self;
        let told = [
            ("service", service.to_owned()),
            ("version", version.digest().to_string()),
            ("reason", shortened(reason).to_owned()),
            ("attempts", attempt.to_string()),
            ("topic", message.topic().to_owned()),
            ("partition", message.partition().to_string()),
            ("offset", message.offset().to_string()),
        ];
        let mut told: Vec<_> =
            told.into_iter().map(|(name, value)| (format!("{DEAD_LETTER_PREFIX}{name}"), value)).collect();
        if is_cut {
            told.push((DEAD_LETTER_CUT.to_owned(), "true".to_owned()));
        }
        let own = headers_of(message).filter(|_| !is_cut).map(|header| (header.name, header.value));
        let told = told.iter().map(|(name, value)| (name.as_bytes(), Some(value.as_bytes())));
        let all: Vec<_> = own.chain(told).collect();
        Outgoing {
            topic,
            key: message.key().filter(|_| !is_cut),
            headers: headers(all.into_iter()),
            payload: message.payload().filter(|_| !is_cut),
        }
    }
}

fn shortened(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(MAX_REASON)]
}
