//! Batches of records that cannot be unpacked: compressed in a way that this host does not know, or beyond its bounds. librdkafka
//! asks for such a batch again and again, and its partition stands still.

use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tracing::error;

use super::record::Handling;

/// How long librdkafka must have said nothing of it until it is over: it asks twice a second.
const OVER: Duration = Duration::from_secs(5);

/// What the troubles of a service know it by.
const BATCH: &str = "batch";

/// Whether a consumer has one before it.
#[derive(Default)]
pub(super) struct Unreadable {
    last: Option<Instant>,
}

pub(super) fn is_unreadable(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{BadCompression, NotImplemented};
    matches!(error, KafkaError::MessageConsumption(BadCompression | NotImplemented))
}

impl Unreadable {
    /// It has been asked for, once more maybe.
    pub(super) fn found(&mut self, error: &KafkaError, Handling { service, trigger, .. }: &Handling) {
        self.last = Some(Instant::now());
        let (name, topic, group) = (&service.name, &trigger.topic, &trigger.group);
        let text = format!(
            "a partition of {topic} stands still for service {name}: it has a batch of records that cannot be unpacked \
             ({error}); let producers compress with gzip, snappy or lz4, and set the offset of group {group} behind the batch"
        );
        if service.troubles.hold(BATCH.to_owned(), text.clone()) {
            error!(service = name, topic, "{text}");
        }
    }

    /// It is over when nothing was heard of it for a while.
    pub(super) fn look(&mut self, handling: &Handling) {
        if self.last.is_some_and(|last| last.elapsed() > OVER) {
            self.over(handling);
        }
    }

    /// The consumer asks for it no more.
    pub(super) fn over(&mut self, handling: &Handling) {
        if self.last.take().is_some() {
            handling.service.troubles.over(BATCH);
        }
    }
}
