//! What one service may do: its grants, at most one of each capability.

use std::any::Any;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use componentd_config::Limits;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::away::BackendAway;
use crate::call::{CallMetrics, CallOutcome, Calls};
use crate::grant::{Background, Grant, Unprepared, Unusable};
use crate::log_bounds::LogRate;
use crate::verdict::{Right, Verdict};

/// The grants of a service, and the limits of what it does with them. Versions of it share one for as long as neither
/// changes. What works beside the invocations ends with the last of them.
pub struct Granted {
    service: String,
    limits: Limits,
    grants: Vec<(&'static str, Arc<dyn Grant>)>,
    calls: Calls,
    /// What its invocations may log together.
    pub log: LogRate,
    stop: CancellationToken,
}

impl Granted {
    /// The grants by the names of their capabilities.
    pub fn new(
        service: &str,
        limits: Limits,
        grants: Vec<(&'static str, Arc<dyn Grant>)>,
        metrics: CallMetrics,
        log: LogRate,
        stop: CancellationToken,
    ) -> Self {
        let calls = Calls::new(metrics, service, grants.iter().map(|(capability, _)| *capability));
        Self { service: service.to_owned(), limits, grants, calls, log, stop }
    }

    /// The name of the service that the grants are of.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The bounds of each of its invocations.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The grant of a capability, by its type.
    pub fn get<G: Grant>(&self) -> Option<&G> {
        self.grants.iter().find_map(|(_, grant)| (&**grant as &dyn Any).downcast_ref())
    }

    /// Whether there is a grant of the capability of this name.
    pub fn has(&self, capability: &str) -> bool {
        self.grants.iter().any(|(name, _)| *name == capability)
    }

    /// What the service may do, by capability.
    pub fn rights(&self) -> impl Iterator<Item = (&'static str, Vec<Right>)> {
        self.grants.iter().map(|(name, grant)| (*name, grant.rights()))
    }

    /// What the grant of a capability says of an action; none where it is none of its. There is such a grant.
    pub fn explain(&self, capability: &str, action: &[&str]) -> Option<Verdict> {
        self.grants.iter().find(|(name, _)| *name == capability)?.1.explain(action)
    }

    /// Whether the component may call that service, which listens there.
    pub fn reaches(&self, service: &str, address: Option<SocketAddr>) -> bool {
        self.grants.iter().any(|(_, grant)| grant.reaches(service, address))
    }

    /// Whether the service can be made ready, for all that shows without a server.
    ///
    /// # Errors
    /// It cannot; the key is one of the service's.
    pub fn check(&self) -> Result<(), Unprepared> {
        self.grants.iter().try_for_each(|(name, grant)| grant.check().map_err(|error| of_grant(name, error)))
    }

    /// Makes ready what the service needs before it is called.
    ///
    /// # Errors
    /// As [`Granted::check`].
    pub async fn prepare(&self) -> Result<(), Unprepared> {
        for (name, grant) in &self.grants {
            grant.prepare().await.map_err(|error| of_grant(name, error))?;
        }
        Ok(())
    }

    /// What it makes ready, and other services may as well, by names that tell one from the other.
    pub fn shared(&self) -> BTreeSet<String> {
        let shared = |(capability, grant): &(&str, Arc<dyn Grant>)| {
            grant.shared().into_iter().map(|name| format!("{capability}/{name}")).collect::<Vec<_>>()
        };
        self.grants.iter().flat_map(shared).collect()
    }

    /// What does not answer within `timeout`, and why.
    pub async fn absent(&self, timeout: Duration) -> Vec<String> {
        let looks = self.grants.iter().map(|(_, grant)| grant.absent(timeout));
        join_all(looks).await.into_iter().flatten().collect()
    }

    /// What is to work beside the invocations, and what ends it.
    ///
    /// # Errors
    /// It cannot work.
    pub fn background(&self) -> Result<Vec<Background>, Unusable> {
        let all: Vec<_> = self.grants.iter().map(|(_, grant)| grant.background()).collect::<Result<_, _>>()?;
        Ok(all.into_iter().flatten().collect())
    }

    /// Ends what works beside the invocations.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Says what came of a call of a capability: it is measured, and where the server was away, its invocation knows.
    pub fn call_ended(&self, away: &BackendAway, capability: &'static str, outcome: CallOutcome, took: Duration) {
        if matches!(outcome, CallOutcome::Away | CallOutcome::TimedOut) {
            away.note();
        }
        self.calls.note(capability, outcome, took);
    }
}

impl Drop for Granted {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn of_grant(name: &str, mut error: Unprepared) -> Unprepared {
    error.key.splice(0..0, ["grants".to_owned(), name.to_owned()]);
    error
}
