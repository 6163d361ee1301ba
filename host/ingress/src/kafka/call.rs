//! The call of a component with a record.

use std::sync::Arc;

use componentd_capability_kafka::brokers::{ReceivedHeader, headers_of};
use componentd_core::deployment::Deployment;
use componentd_core::dispatch::{self, Call, Invoked};
use componentd_core::instances::Instance;
use componentd_core::metrics::Outcome;
use http::HeaderValue;
use rdkafka::message::{Message as _, OwnedMessage};
use tracing::Span;

use super::refusal::Refusal;
use super::wit::KafkaHandler;
use super::wit::componentd::kafka::types::Header;
use super::wit::exports::componentd::kafka::handler::{Failure, IncomingRecord};

/// A record, and which attempt this is.
struct RecordCall(IncomingRecord);

impl Call for RecordCall {
    type Output = Result<(), Refusal>;

    async fn call(self, instance: &mut Instance) -> wasmtime::Result<Self::Output> {
        let (store, handler) = instance.exports::<KafkaHandler>();
        let handled = handler.componentd_kafka_handler().call_handle(store, &self.0).await?;
        Ok(handled.map_err(Refusal::from))
    }
}

/// Calls the service with a Kafka record.
pub(super) async fn call(
    deployment: &Arc<Deployment>,
    message: &OwnedMessage,
    attempt: u32,
    id: HeaderValue,
    span: Span,
) -> Invoked<Result<(), Refusal>> {
    let call = RecordCall(incoming(message, attempt));
    dispatch::invoke(deployment, id, span, call, |handled| match handled {
        Ok(()) => Outcome::Ok,
        Err(Refusal::Retry(_)) => Outcome::Retry,
        Err(Refusal::Reject(_)) => Outcome::Reject,
    })
    .await
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Retry(reason) => Self::Retry(reason),
            Failure::Reject(reason) => Self::Reject(reason),
        }
    }
}

fn incoming(message: &OwnedMessage, attempt: u32) -> IncomingRecord {
    IncomingRecord {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        headers: headers_of(message).map(header).collect(),
        timestamp_ms: message.timestamp().to_millis(),
        payload: message.payload().map(<[u8]>::to_vec),
        attempt,
    }
}

/// Names are text for components. What is none is seen to be.
fn header(header: ReceivedHeader<'_>) -> Header {
    let name = String::from_utf8_lossy(header.name).into_owned();
    Header { name, value: header.value.unwrap_or_default().to_vec() }
}
