//! The time by which schedules run: the system's, or one that a test sets.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use tokio::sync::watch;

/// How often the system's clock is looked at while nothing is due: somebody may have set it, or the machine has slept.
const LOOK_INTERVAL: Duration = Duration::from_secs(20);

/// The time by which schedules run.
#[derive(Clone)]
pub struct Clock(Option<Arc<watch::Sender<DateTime<Utc>>>>);

impl Clock {
    /// That of the machine.
    pub fn system() -> Self {
        Self(None)
    }

    /// One that stands still until it is [set](Self::set).
    pub fn manual(now: SystemTime) -> Self {
        Self(Some(Arc::new(watch::Sender::new(now.into()))))
    }

    /// Puts a manual clock forward, or back; that of the machine stays as it is.
    pub fn set(&self, now: SystemTime) {
        if let Some(manual) = &self.0 {
            manual.send_replace(now.into());
        }
    }

    /// What it says.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.0.as_ref().map_or_else(|| SystemTime::now().into(), |manual| *manual.borrow())
    }

    /// Waits until `time`, or for as long as the clock may be trusted meanwhile.
    pub(super) async fn wait(&self, time: DateTime<Utc>) {
        match &self.0 {
            None => {
                let left = (time - self.now()).to_std().unwrap_or_default();
                tokio::time::sleep(left.min(LOOK_INTERVAL)).await;
            }
            Some(manual) => {
                let mut manual = manual.subscribe();
                if *manual.borrow_and_update() < time {
                    // `self` sends, so it does not end.
                    let _ = manual.changed().await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    /// Each wait may be shorter than what is left, and is then repeated.
    #[tokio::test]
    async fn the_system_s_clock_comes_to_what_is_waited_for() {
        let clock = Clock::system();
        let time = clock.now() + TimeDelta::milliseconds(30);
        while clock.now() < time {
            clock.wait(time).await;
        }
        clock.wait(time).await;
    }

    #[tokio::test]
    async fn a_manual_clock_wakes_who_waits_when_it_is_set() {
        let start = SystemTime::UNIX_EPOCH;
        let clock = Clock::manual(start);
        let mut waiting = Box::pin(clock.wait((start + Duration::from_secs(60)).into()));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        clock.set(start + Duration::from_secs(60));
        waiting.await;
        clock.wait(start.into()).await;
    }
}
