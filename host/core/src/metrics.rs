//! What can be measured of a running host, in the OpenMetrics text format at `GET /metrics` of the admin port.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Which partition of which consumer.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct PartitionLabels {
    /// The service whose consumer it is.
    pub service: String,
    /// The topic that the service consumes.
    pub topic: String,
    /// The number of the partition in its topic, from 0.
    pub partition: i32,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct InvocationLabels {
    service: String,
    outcome: &'static str,
}

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With a result of the component that is no failure.
    Ok,
    /// The component answered with a 5xx, or said that its run has failed,
    Error,
    /// or with a failure of any kind while a backend was away.
    BackendAway,
    /// It asked for a record again,
    Retry,
    /// or for the dead-letter topic.
    Reject,
    /// The component trapped, as it does after a panic.
    Trap,
    /// It went past its limit of linear memory, or of table entries,
    Memory,
    /// of processor time,
    Cpu,
    /// or of the size of its response.
    Response,
    /// It was ended at `limits.timeout`.
    Timeout,
    /// At a drain deadline.
    Cut,
    /// The component ended without an answer, or gave an error in its place.
    NoAnswer,
    /// The component did not finish its response.
    Incomplete,
    /// There was no place for it.
    Saturated,
    /// Whoever had asked for it went away before there was an answer.
    Abandoned,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::BackendAway => "backend-away",
            Self::Retry => "retry",
            Self::Reject => "reject",
            Self::Trap => "trap",
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Response => "response",
            Self::Timeout => "timeout",
            Self::Cut => "cut",
            Self::NoAnswer => "no-answer",
            Self::Incomplete => "incomplete",
            Self::Saturated => "saturated",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether it speaks against the version: nothing does where there was no place for it or nobody waited, and neither a backend
    /// that was away nor what a component says of a record.
    pub fn is_failure(self) -> Option<bool> {
        match self {
            Self::Saturated | Self::Abandoned => None,
            Self::Ok | Self::BackendAway | Self::Retry | Self::Reject => Some(false),
            Self::Error | Self::Trap | Self::Timeout | Self::Cut | Self::NoAnswer | Self::Incomplete => Some(true),
            Self::Memory | Self::Cpu | Self::Response => Some(true),
        }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ServiceLabel {
    service: String,
}

/// The processor time that the invocations of one service have had, in seconds.
#[derive(Clone, Debug, Default)]
pub struct ProcessorTime(Counter<f64, AtomicU64>);

impl ProcessorTime {
    /// Counts so many nanoseconds.
    pub(crate) fn add(&self, nanoseconds: u64) {
        self.0.inc_by(nanoseconds as f64 / 1e9);
    }
}

/// All measurements of one host.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    lag: Family<PartitionLabels, Gauge>,
    margin: Family<PartitionLabels, Gauge>,
    lost: Family<PartitionLabels, Counter>,
    /// Up to which offset lost records are counted, so that a consumer which is made anew does not count them again.
    lost_up_to: Mutex<HashMap<PartitionLabels, i64>>,
    invocations: Family<InvocationLabels, Counter>,
    processor: Family<ServiceLabel, Counter<f64, AtomicU64>>,
    dead_letters: Family<ServiceLabel, Counter>,
    missed_runs: Family<ServiceLabel, Counter>,
    consumer_failures: Family<ServiceLabel, Counter>,
}

/// Where the parts of a host register what can be measured of them.
pub fn registry() -> Registry {
    Registry::with_prefix("componentd")
}

impl Metrics {
    /// The measurements of the core, besides those that are registered already.
    pub fn new(mut registry: Registry) -> Self {
        macro_rules! family {
            ($name:literal, $help:literal) => {{
                let family = Family::default();
                registry.register($name, $help, Family::clone(&family));
                family
            }};
        }
        Self {
            lag: family!("consumer_lag_records", "Records of a partition that are not handled yet"),
            margin: family!(
                "consumer_retention_margin_records",
                "Offsets between the earliest record that the broker keeps and the next to be handled"
            ),
            lost: family!("consumer_lost_records", "Records that the broker deleted before they were handled"),
            lost_up_to: Mutex::default(),
            invocations: family!("invocations", "Invocations by outcome"),
            processor: family!("processor_seconds", "Processor time of a service's invocations"),
            missed_runs: family!("missed_runs", "Times of a schedule at which the service was not run"),
            consumer_failures: family!("consumer_failures", "Consumers that failed, and were started again"),
            dead_letters: family!("dead_letters", "Records sent to the dead-letter topic"),
            registry,
        }
    }
}

impl Metrics {
    /// What is not handled yet of a partition, and how far it is from being deleted.
    pub fn partition(&self, labels: &PartitionLabels, lag: i64, margin: i64) {
        self.lag.get_or_create(labels).set(lag);
        self.margin.get_or_create(labels).set(margin);
    }

    /// Takes out what [`Metrics::partition`] has said: nothing is known of it now, or another consumer has it.
    pub fn no_partition(&self, labels: &PartitionLabels) {
        self.lag.remove(labels);
        self.margin.remove(labels);
    }

    /// Counts the offsets `from..to` as lost, but for those that are counted: how many there are new.
    pub fn lost(&self, labels: &PartitionLabels, from: i64, to: i64) -> u64 {
        let mut counted = self.lost_up_to.lock().unwrap_or_else(PoisonError::into_inner);
        let up_to = counted.entry(labels.clone()).or_default();
        let new = u64::try_from(to - from.max(*up_to)).unwrap_or_default();
        *up_to = to.max(*up_to);
        self.lost.get_or_create(labels).inc_by(new);
        new
    }

    /// A partition's offsets have begun again: none of them is counted yet.
    pub fn begins_again(&self, labels: &PartitionLabels) {
        self.lost_up_to.lock().unwrap_or_else(PoisonError::into_inner).remove(labels);
    }

    /// What counts the invocations of a service that end so.
    pub fn invocations(&self, service: &str, outcome: Outcome) -> Counter {
        let labels = InvocationLabels { service: service.to_owned(), outcome: outcome.name() };
        self.invocations.get_or_create_owned(&labels)
    }

    /// What counts the processor time of a service.
    pub fn processor_time(&self, service: &str) -> ProcessorTime {
        ProcessorTime(self.processor.get_or_create_owned(&ServiceLabel { service: service.to_owned() }))
    }

    /// Counts a record that was sent to the dead-letter topic.
    pub fn dead_letter(&self, service: &str) {
        self.dead_letters.get_or_create(&ServiceLabel { service: service.to_owned() }).inc();
    }

    /// Counts a consumer that failed.
    pub fn consumer_failed(&self, service: &str) {
        self.consumer_failures.get_or_create(&ServiceLabel { service: service.to_owned() }).inc();
    }

    /// Counts times of a schedule that have passed without a run.
    pub fn missed_runs(&self, service: &str, missed: usize) {
        self.missed_runs.get_or_create(&ServiceLabel { service: service.to_owned() }).inc_by(missed as u64);
    }

    /// Everything, as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string does not fail");
        text
    }
}
