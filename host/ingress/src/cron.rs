//! Cron ingress: a service is run at the times of a schedule, one run at a time, each time at most once.
//!
//! What could not be run in its minute is missed, and not caught up on: the host was down, its clock was put forward, the
//! databases of the service were away, or the run before was still going. That is a warning in the log, counted, and told to
//! the component with the next run. So that a restart knows, how far a schedule is stands in the state folder, from before a
//! run begins: a crash loses a run and repeats none.

mod call;
mod clock;
mod timetable;
mod trigger;
mod wit;

use std::sync::Arc;
use std::time::Instant;

use chrono::SecondsFormat;
use componentd_config::Schedule;
use componentd_core::kept::Kept;
use componentd_core::metrics::Metrics;
use componentd_core::registry::Service;
use http::HeaderValue;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, info_span, warn};

use self::call::call;
pub use self::clock::Clock;
use self::timetable::{Due, Occurrence, Progress, Timetable};
pub use self::trigger::Cron;

/// The file of a service in the state folder that has how far its schedule is.
const PROGRESS: &str = "schedule.json";

/// How far the schedule of a service is, for the one that runs it. Another, of an edited manifest, waits for its end.
type Turn = Arc<tokio::sync::Mutex<Option<Progress>>>;

/// What runs a service.
struct Runner {
    service: Arc<Service>,
    schedule: Schedule,
    clock: Clock,
    turn: Turn,
    kept: Kept,
    metrics: Arc<Metrics>,
}

impl Runner {
    /// Runs the service at its times until `stop`, and lets a run that has begun come to its end then.
    async fn run(self, stop: CancellationToken) {
        let Some(mut turn) = stop.run_until_cancelled(self.turn.lock()).await else { return };
        let earlier = turn.take().or_else(|| self.kept.get(PROGRESS));
        let mut table = Timetable::new(self.schedule.clone(), earlier, self.clock.now());
        if stop.run_until_cancelled(self.service.await_databases()).await.is_some() {
            self.service.set_ready(true);
            self.begin(&mut table).await;
            while !stop.is_cancelled() {
                self.step(&mut table, &stop).await;
            }
        }
        *turn = Some(table.progress().clone());
    }

    async fn begin(&self, table: &mut Timetable) {
        let now = self.clock.now();
        let missed = table.skip(now);
        self.tell_missed(missed, "the service could not be called");
        self.keep(table).await;
        let (service, schedule) = (&self.service.name, &self.schedule);
        let next = schedule.after(now).map(|next| next.to_rfc3339());
        info!(service, %schedule, next, "scheduled");
    }

    async fn step(&self, table: &mut Timetable, stop: &CancellationToken) {
        match table.look(self.clock.now()) {
            Due::Later(Some(time)) => drop(stop.run_until_cancelled(self.clock.wait(time)).await),
            Due::Later(None) => stop.cancelled().await,
            Due::Missed(missed) => {
                self.tell_missed(missed, "the clock was put forward, or the machine has slept");
                self.keep(table).await;
            }
            Due::Run(occurrence) => {
                self.keep(table).await;
                self.call(occurrence).await;
                let missed = table.skip(self.clock.now());
                self.tell_missed(missed, "the run before was still going");
                if missed > 0 {
                    self.keep(table).await;
                }
            }
        }
    }

    async fn call(&self, occurrence: Occurrence) {
        let deployment = self.service.pick_in_turn();
        let id = occurrence.scheduled_at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let span =
            info_span!("run", service = self.service.name, version = %deployment.version.digest(), request_id = id);
        let (start, started_at) = (Instant::now(), self.clock.now());
        let id = HeaderValue::from_str(&id).expect("a time is ASCII");
        let invoked = call(&deployment, occurrence, started_at, id, span.clone()).await;
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        span.in_scope(|| match invoked.result {
            Ok(Ok(())) => info!(missed = occurrence.missed, micros, "ran"),
            Ok(Err(reason)) => error!(reason, micros, "the run has failed"),
            // The log has it already.
            Err(_) => {}
        });
    }

    fn tell_missed(&self, missed: usize, why: &str) {
        if missed > 0 {
            self.metrics.missed_runs(&self.service.name, missed);
            warn!(service = self.service.name, missed, "runs were missed: {why}");
        }
    }

    /// Before a run begins: a crash must not repeat it.
    async fn keep(&self, table: &Timetable) {
        let (kept, progress) = (self.kept.clone(), table.progress().clone());
        let written = tokio::task::spawn_blocking(move || kept.set(PROGRESS, &progress));
        if let Err(error) = written.await.expect("writing a file does not panic") {
            warn!(service = self.service.name, %error, "the state folder cannot be written; a restart forgets how far the schedule is");
        }
    }
}
