//! The call of a component at a time of its schedule.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use componentd_core::deployment::Deployment;
use componentd_core::dispatch::{self, Call, Invoked};
use componentd_core::instances::Instance;
use componentd_core::metrics::Outcome;
use http::HeaderValue;
use tracing::Span;

use super::timetable::Occurrence;
use super::wit::CronHandler;
use super::wit::exports::componentd::cron::handler as wit;

/// What a run is told.
struct RunCall(wit::Occurrence);

impl Call for RunCall {
    /// Or why the component says that it has failed.
    type Output = Result<(), String>;

    async fn call(self, instance: &mut Instance) -> wasmtime::Result<Self::Output> {
        let (store, handler) = instance.exports::<CronHandler>();
        handler.componentd_cron_handler().call_run(store, self.0).await
    }
}

/// Runs the service.
pub(super) async fn call(
    deployment: &Arc<Deployment>,
    occurrence: Occurrence,
    started_at: DateTime<Utc>,
    id: HeaderValue,
    span: Span,
) -> Invoked<Result<(), String>> {
    let told = wit::Occurrence {
        scheduled_at_ms: occurrence.scheduled_at.timestamp_millis(),
        started_at_ms: started_at.timestamp_millis(),
        missed: occurrence.missed,
    };
    dispatch::invoke(deployment, id, span, RunCall(told), |ran| match ran {
        Ok(()) => Outcome::Ok,
        Err(_) => Outcome::Error,
    })
    .await
}
