//! The trigger `kafka`: a consumer of a service's own.

use std::sync::Arc;

use componentd_capability_kafka::KafkaClient;
use componentd_core::entry_point::{Entry, EntryPoint};
use componentd_core::error::StartError;
use componentd_core::grant::Unusable;
use componentd_core::registry::Service;
use componentd_core::state::State;
use componentd_core::trigger::{Ingress, Preparing, Source, Trigger};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use tokio_util::sync::CancellationToken;
use wasmtime::component::InstancePre;

use super::Consumer;
use super::wit::KafkaHandlerIndices;

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
        ready(consumer(&preparing).map(|consumer| Box::new(Joining(Some(consumer))) as Box<dyn Source>)).boxed()
    }
}

/// A consumer that is no member of its group yet.
struct Joining(Option<Consumer>);

impl Source for Joining {
    fn open(mut self: Box<Self>, service: &Arc<Service>, ingress: &mut Ingress) {
        let consumer = self.0.take().expect("it is opened once");
        ingress.tasks.spawn(consume(service.clone(), consumer, ingress.stop.clone()));
    }
}

impl Drop for Joining {
    /// Dropping a consumer blocks, so it is not done where the host is at work.
    fn drop(&mut self) {
        let Some(consumer) = self.0.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || drop(consumer));
        }
    }
}

fn consumer(preparing: &Preparing<'_>) -> Result<Consumer, StartError> {
    let Preparing { service, spec, clients, metrics, .. } = preparing;
    let settings = spec.kafka.as_ref().expect("a service is prepared by its own trigger");
    let kafka: Option<&KafkaClient> = clients.get();
    let KafkaClient { backend, producer } = kafka.expect("a manifest is checked to name the brokers");
    let consumer = Consumer::new(backend, settings, (*service).clone(), producer.clone(), (*metrics).clone());
    consumer.map_err(|e| Unusable { backend: "kafka", key: "brokers", reason: e.to_string() }.into())
}

/// Calls the service with records until `stop`. When it ends, for whatever reason, the service cannot be called any more.
async fn consume(service: Arc<Service>, consumer: Consumer, stop: CancellationToken) {
    let _unready = Unready(service.clone());
    tokio::select! {
        () = service.await_databases() => {}
        () = consumer.idle() => {}
        () = stop.cancelled() => {}
    }
    consumer.run(stop).await;
}

struct Unready(Arc<Service>);

impl Drop for Unready {
    fn drop(&mut self) {
        self.0.set_ready(false);
    }
}
