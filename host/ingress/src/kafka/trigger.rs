//! The trigger `kafka`: a consumer of a service's own.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use componentd_capability_kafka::KafkaClient;
use componentd_capability_kafka::brokers::KafkaBackend;
use componentd_core::entry_point::{Entry, EntryPoint};
use componentd_core::error::StartError;
use componentd_core::grant::Unusable;
use componentd_core::registry::Service;
use componentd_core::state::State;
use componentd_core::trigger::{Ingress, Preparing, Source, Trigger};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use rdkafka::error::KafkaError;
use tokio_util::sync::CancellationToken;
use tracing::error;
use wasmtime::component::InstancePre;

use super::record::Handling;
use super::wit::KafkaHandlerIndices;
use super::{Consumer, Ended};

/// The waits between a consumer that has failed and the next, of which each is twice the one before.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How long a consumer must run before the one before it is forgotten.
const SETTLED: Duration = Duration::from_secs(10);

/// What the troubles of a service know it by.
const CONSUMER: &str = "consumer";

/// The trigger itself.
pub struct Kafka;

impl EntryPoint for Kafka {
    fn key(&self) -> &'static str {
        "kafka"
    }

    fn example(&self) -> &'static str {
        "kafka = { topic = … }"
    }

    fn export(&self) -> Option<&'static str> {
        Some("componentd:kafka/handler")
    }

    fn entry(&self, linked: &InstancePre<State>) -> wasmtime::Result<Entry> {
        let indices = KafkaHandlerIndices::new(linked)?;
        Ok(Box::new(move |store, instance| Ok(Box::new(indices.load(store, instance)?))))
    }
}

impl Trigger for Kafka {
    /// Two consumers of one group take each other's partitions, and one that has left is ready no more.
    fn keeps_service(&self) -> bool {
        false
    }

    fn prepare<'a>(&'a self, preparing: Preparing<'a>) -> BoxFuture<'a, Result<Box<dyn Source>, StartError>> {
        ready(Joining::new(&preparing).map(|joining| Box::new(joining) as Box<dyn Source>)).boxed()
    }
}

/// A consumer that is no member of its group yet, and what another one is made of.
struct Joining {
    first: Option<Consumer>,
    backend: KafkaBackend,
    handling: Arc<Handling>,
}

impl Joining {
    fn new(preparing: &Preparing<'_>) -> Result<Self, StartError> {
        let Preparing { service, spec, clients, metrics, .. } = *preparing;
        let trigger = spec.kafka.clone().expect("a service is prepared by its own trigger");
        let kafka: Option<&KafkaClient> = clients.get();
        let KafkaClient { backend, producer } = kafka.expect("a manifest is checked to name the brokers");
        let (service, producer, metrics) = (service.clone(), producer.clone(), metrics.clone());
        let handling = Arc::new(Handling { service, trigger, producer, metrics });
        let unusable = |e: KafkaError| Unusable { backend: "kafka", key: "brokers", reason: e.to_string() };
        let first = Consumer::new(backend, handling.clone()).map_err(unusable)?;
        Ok(Self { first: Some(first), backend: backend.clone(), handling })
    }
}

impl Source for Joining {
    fn open(mut self: Box<Self>, _: &Arc<Service>, ingress: &mut Ingress) {
        let first = self.first.take().expect("it is opened once");
        let (backend, handling) = (self.backend.clone(), self.handling.clone());
        ingress.tasks.spawn(consume(first, backend, handling, ingress.stop.clone()));
    }
}

impl Drop for Joining {
    /// Dropping a consumer blocks, so it is not done where the host is at work.
    fn drop(&mut self) {
        let Some(consumer) = self.first.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || drop(consumer));
        }
    }
}

/// Calls the service with records until `stop`. A consumer that fails is replaced by another one. When this ends, the service
/// cannot be called any more.
async fn consume(first: Consumer, backend: KafkaBackend, handling: Arc<Handling>, stop: CancellationToken) {
    let service = &handling.service;
    let _unready = Unready(service.clone());
    tokio::select! {
        () = service.await_databases() => {}
        () = first.idle() => {}
        () = stop.cancelled() => {}
    }
    let (mut next, mut failures) = (Ok(first), 0);
    loop {
        let begun = Instant::now();
        let ended = match next {
            Ok(consumer) => run(consumer, service, &stop).await,
            Err(error) => Ended::failed(error),
        };
        let Ended::Failed(reason) = ended else { return };
        failures = if begun.elapsed() < SETTLED { failures + 1 } else { 1 };
        let wait = FIRST_WAIT.saturating_mul(1 << (failures - 1).min(6)).min(LONGEST_WAIT);
        tell_failure(&handling, &reason, wait);
        if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
            return;
        }
        next = Consumer::new(&backend, handling.clone());
    }
}

/// One consumer, to its end. What the one before has failed by is over when this one has gone on for a while.
async fn run(consumer: Consumer, service: &Service, stop: &CancellationToken) -> Ended {
    let settled = async {
        tokio::time::sleep(SETTLED).await;
        service.troubles.over(CONSUMER);
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        ended = consumer.run(stop.clone()) => ended,
        never = settled => match never {},
    }
}

fn tell_failure(handling: &Handling, reason: &str, wait: Duration) {
    let service = &handling.service;
    service.set_ready(false);
    handling.metrics.consumer_failed(&service.name);
    let text = format!("the consumer of service {} has failed and is started again: {reason}", service.name);
    error!(service = service.name, ?wait, "{text}");
    service.troubles.hold(CONSUMER.to_owned(), text);
}

struct Unready(Arc<Service>);

impl Drop for Unready {
    fn drop(&mut self) {
        self.0.set_ready(false);
    }
}
