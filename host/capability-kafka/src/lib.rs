//! Kafka: records to the topics that a service is granted, as `componentd:kafka/producer`.

#![warn(missing_docs, unreachable_pub)]

mod bindings;
pub mod brokers;
mod config;
mod explain;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use componentd_config::{ConfigError, Forms, Manifest, form};
use componentd_core::call::{CallError, CallOutcome};
use componentd_core::capability::{About, Capability, Client, HostContext, Needs, NoServer, Package, ServiceContext};
use componentd_core::grant::Grant;
use componentd_core::state::State;
use componentd_core::verdict::{Right, Verdict};
use componentd_core::view::{Has, View};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use wasmtime::component::Linker;

use self::bindings::componentd::kafka::producer as wit;
pub use self::bindings::componentd::kafka::types;
pub use self::config::KafkaGrant;
pub use self::topics::{Named, named};
use self::types::OutgoingRecord;
use crate::brokers::{Delivery, Header, KafkaBackend, Producer, Record, SendError};

/// The capability, and its key in a manifest.
pub struct Kafka;
/// The key of this capability, of its server under `[backends]` and of its grants.
pub const NAME: &str = "kafka";

/// The brokers, and the producer that all services share.
pub struct KafkaClient {
    /// The brokers, as the manifest has them.
    pub backend: KafkaBackend,
    /// The one producer of the host.
    pub producer: Producer,
}

/// The topics of one service, and the producer.
pub struct Topics {
    producer: Producer,
    grant: KafkaGrant,
}

impl Capability for Kafka {
    fn about(&self) -> About {
        About {
            name: NAME,
            packages: &[Package { name: "componentd:kafka", version: "0.1.0", interfaces: &["types", "producer"] }],
            needs: Some(Needs {
                interface: "componentd:kafka/producer",
                example: "grants.kafka = { produce = [\"<topic>\"] }",
            }),
            server: Some("brokers = \"host:9092\""),
        }
    }

    fn forms(&self) -> Forms {
        Forms { name: NAME, backend: Some(form::<KafkaBackend>()), grant: Some(form::<KafkaGrant>()) }
    }

    fn actions(&self) -> &'static [&'static str] {
        explain::ACTIONS
    }

    fn add_to_linker(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        types::add_to_linker::<State, Has<Topics>>(linker, State::view::<Topics>)?;
        wit::add_to_linker::<State, Has<Topics>>(linker, State::view::<Topics>)
    }

    fn client(&self, host: HostContext<'_>) -> Result<Arc<dyn Client>, ConfigError> {
        let Some(section) = host.backend else { return Ok(Arc::new(NoServer(|service| grant(service).map(drop)))) };
        let backend: KafkaBackend = section.read()?;
        let producer = Producer::new(&backend);
        let producer = producer.map_err(|e| section.error(&["brokers"], format!("cannot be used: {e}; correct it")))?;
        Ok(Arc::new(KafkaClient { backend, producer }))
    }
}

impl Client for KafkaClient {
    fn grant(&self, service: &ServiceContext<'_>) -> Result<Option<Arc<dyn Grant>>, ConfigError> {
        Ok(grant(service)?.map(|grant| Arc::new(Topics { producer: self.producer.clone(), grant }) as Arc<dyn Grant>))
    }

    fn missing<'a>(&'a self, manifest: &'a Manifest, timeout: Duration) -> BoxFuture<'a, Vec<String>> {
        let (producer, named) = (self.producer.clone(), named(manifest));
        let ask = move || topics::missing(&named, &producer, timeout);
        async { tokio::task::spawn_blocking(ask).await.expect("it does not panic") }.boxed()
    }
}

fn grant(service: &ServiceContext<'_>) -> Result<Option<KafkaGrant>, ConfigError> {
    service.grant(NAME).map(|section| section.read()).transpose()
}

impl Grant for Topics {
    fn rights(&self) -> Vec<Right> {
        explain::rights(&self.grant)
    }

    fn explain(&self, action: &[&str]) -> Option<Verdict> {
        explain::explain(&self.grant, action)
    }
}

impl Topics {
    /// Whether records may be sent there, directly or with a transaction.
    pub fn has(&self, topic: &str) -> bool {
        self.grant.produce.iter().any(|granted| granted == topic)
    }
}

/// What a component is told of a topic that is not granted.
pub fn denied(topic: &str) -> String {
    format!("`grants.kafka.produce` does not name the topic {topic:?}")
}

impl types::Host for View<'_, Topics> {}

impl wit::Host for View<'_, Topics> {
    async fn send(&mut self, record: OutgoingRecord) -> wasmtime::Result<Result<wit::Delivery, wit::Error>> {
        let (topics, scope) = (self.grant, self.scope);
        Ok(scope.call(NAME, "send", send(topics, record, scope.limits().call_timeout.0)).await)
    }
}

async fn send(topics: Option<&Topics>, record: OutgoingRecord, timeout: Duration) -> Result<wit::Delivery, wit::Error> {
    let granted = topics.filter(|topics| topics.has(&record.topic));
    let topics = granted.ok_or_else(|| wit::Error::Denied(denied(&record.topic)))?;
    let Delivery { partition, offset } = topics.producer.send(&record.into(), timeout).await?;
    Ok(wit::Delivery { partition, offset })
}

impl From<OutgoingRecord> for Record {
    fn from(OutgoingRecord { topic, key, headers, payload }: OutgoingRecord) -> Self {
        let headers = headers.into_iter().map(|types::Header { name, value }| Header { name, value }).collect();
        Self { topic, key, headers, payload }
    }
}

impl From<SendError> for wit::Error {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Unavailable(text) => Self::Unavailable(text),
            SendError::TooLarge(text) => Self::TooLarge(text),
            SendError::UnknownTopic(text) => Self::UnknownTopic(text),
            SendError::Refused(text) => Self::Refused(text),
        }
    }
}

impl CallError for wit::Error {
    fn timed_out(deadline: Duration) -> Self {
        Self::Unavailable(format!("no acknowledgement within {deadline:?} (limits.call-timeout)"))
    }

    fn outcome(&self) -> CallOutcome {
        match self {
            Self::Denied(_) => CallOutcome::Denied,
            Self::Unavailable(_) => CallOutcome::Away,
            _ => CallOutcome::Refused,
        }
    }
}
