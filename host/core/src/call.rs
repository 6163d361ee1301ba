//! How calls of capabilities end, and what is measured of them.

use std::sync::OnceLock;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Seconds; from what a server in the next room takes to the deadlines.
const BUCKETS: [f64; 9] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0];

/// An error of a capability's interface.
pub trait CallError: Sized {
    /// The server did not answer within the deadline.
    fn timed_out(deadline: Duration) -> Self;

    /// How a call that failed so has ended.
    fn outcome(&self) -> CallOutcome;
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// With what was asked for.
    Ok,
    /// The grant does not have it.
    Denied,
    /// The server, or the host, refused what was asked for.
    Refused,
    /// The server was not there: it says nothing of what was asked for.
    Away,
    /// The same, but the server may have done it.
    TimedOut,
}

impl CallOutcome {
    const ALL: usize = 5;

    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Refused => "refused",
            Self::Away => "away",
            Self::TimedOut => "timeout",
        }
    }
}

/// The measurements of all calls of a host.
#[derive(Clone)]
pub struct CallMetrics(Family<CallLabels, Histogram, fn() -> Histogram>);

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    service: String,
    capability: &'static str,
    outcome: &'static str,
}

impl CallMetrics {
    /// Registers them, as `capability_call_seconds`: by service, capability and outcome.
    pub fn new(registry: &mut Registry) -> Self {
        let family = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        registry.register(
            "capability_call_seconds",
            "What calls of capabilities took, by how they ended",
            family.clone(),
        );
        Self(family)
    }
}

/// Those of one service, by its grants; each is looked up once.
pub struct Calls {
    metrics: CallMetrics,
    service: String,
    of: Vec<(&'static str, [OnceLock<Histogram>; CallOutcome::ALL])>,
}

impl Calls {
    /// Of a service that has grants of these capabilities.
    pub fn new(metrics: CallMetrics, service: &str, capabilities: impl Iterator<Item = &'static str>) -> Self {
        let of = capabilities.map(|capability| (capability, Default::default())).collect();
        Self { metrics, service: service.to_owned(), of }
    }

    /// Measures a call. One of a capability that is not granted is left out: it is denied before it is a call.
    pub fn note(&self, capability: &'static str, outcome: CallOutcome, took: Duration) {
        let Some((_, histograms)) = self.of.iter().find(|(name, _)| *name == capability) else { return };
        let histogram = histograms[outcome as usize].get_or_init(|| {
            let labels = CallLabels { service: self.service.clone(), capability, outcome: outcome.name() };
            self.metrics.0.get_or_create_owned(&labels)
        });
        histogram.observe(took.as_secs_f64());
    }
}
