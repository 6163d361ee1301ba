//! What can be measured of a running host, in the OpenMetrics text format at `GET /metrics` of the admin port.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Which outbox.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OutboxLabels {
    pub service: String,
    pub database: String,
}

/// Which partition of which consumer.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct PartitionLabels {
    pub service: String,
    pub topic: String,
    pub partition: i32,
}

/// How an invocation ended: `ok` with a result, else why it has none.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct InvocationLabels {
    pub service: String,
    pub outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ServiceLabel {
    service: String,
}

/// All measurements of one host.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    outbox_records: Family<OutboxLabels, Gauge>,
    outbox_oldest: Family<OutboxLabels, Gauge<f64, AtomicU64>>,
    lag: Family<PartitionLabels, Gauge>,
    invocations: Family<InvocationLabels, Counter>,
    dead_letters: Family<ServiceLabel, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("componentd");
        macro_rules! family {
            ($name:literal, $help:literal) => {{
                let family = Family::default();
                registry.register($name, $help, Family::clone(&family));
                family
            }};
        }
        Self {
            outbox_records: family!("outbox_records", "Committed records that the brokers have not acknowledged"),
            outbox_oldest: family!("outbox_oldest_seconds", "Age of the oldest of them"),
            lag: family!("consumer_lag_records", "Records of a partition that are not handled yet"),
            invocations: family!("invocations", "Invocations by outcome"),
            dead_letters: family!("dead_letters", "Records sent to the dead-letter topic"),
            registry,
        }
    }
}

impl Metrics {
    pub fn outbox(&self, labels: &OutboxLabels, records: i64, oldest_seconds: f64) {
        self.outbox_records.get_or_create(labels).set(records);
        self.outbox_oldest.get_or_create(labels).set(oldest_seconds);
    }

    pub fn lag(&self, labels: &PartitionLabels, records: i64) {
        self.lag.get_or_create(labels).set(records);
    }

    pub fn no_lag(&self, labels: &PartitionLabels) {
        self.lag.remove(labels);
    }

    pub fn invocation(&self, service: &str, outcome: &'static str) {
        self.invocations.get_or_create(&InvocationLabels { service: service.to_owned(), outcome }).inc();
    }

    /// What counts the invocations of a service that had a result; looked up once, not at each of them.
    pub fn answered(&self, service: &str) -> Counter {
        let labels = InvocationLabels { service: service.to_owned(), outcome: "ok" };
        self.invocations.get_or_create_owned(&labels)
    }

    pub fn dead_letter(&self, service: &str) {
        self.dead_letters.get_or_create(&ServiceLabel { service: service.to_owned() }).inc();
    }

    /// Everything, as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string does not fail");
        text
    }
}
