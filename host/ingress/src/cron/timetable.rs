//! What is due by a schedule, and what was missed: decided by the time alone, without a wait.

use chrono::{DateTime, TimeDelta, Utc};
use componentd_config::Schedule;
use serde::{Deserialize, Serialize};

/// How late a run may begin. Past it, the clock was put forward or the machine has slept.
const LATE: TimeDelta = TimeDelta::seconds(50);

/// How far a clock may be put back without a run that comes twice. Past it, the time before was wrong.
const BACK: TimeDelta = TimeDelta::hours(1);

/// How many missed times are counted at once.
const MOST: usize = 1_000;

/// How far a schedule is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The schedule that this is of, as it is written.
    schedule: String,
    /// All of its times up to here have been run, or were missed.
    seen: DateTime<Utc>,
    /// Missed since the last run.
    missed: u32,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing before this time; never, where there is none.
    Later(Option<DateTime<Utc>>),
    /// To run.
    Run(Occurrence),
    /// So many times have passed.
    Missed(usize),
}

/// A time of a schedule that is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Occurrence {
    pub scheduled_at: DateTime<Utc>,
    /// How many were missed before it.
    pub missed: u32,
}

/// A schedule, and how far it is.
pub(super) struct Timetable {
    schedule: Schedule,
    progress: Progress,
}

impl Timetable {
    /// Goes on where an earlier one of the same schedule has ended; any other begins now.
    pub(super) fn new(schedule: Schedule, earlier: Option<Progress>, now: DateTime<Utc>) -> Self {
        let text = schedule.to_string();
        let (same, missed) = match earlier {
            Some(earlier) if earlier.schedule == text => (Some(earlier.seen), earlier.missed),
            other => (None, other.map_or(0, |other| other.missed)),
        };
        Self { schedule, progress: Progress { schedule: text, seen: same.unwrap_or(now), missed } }
    }

    /// How far it is.
    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What is due. What is to be run has been begun by that, and does not come again.
    pub(super) fn look(&mut self, now: DateTime<Utc>) -> Due {
        self.notice_jump_back(now);
        let Some(next) = self.schedule.after(self.progress.seen) else { return Due::Later(None) };
        if next > now {
            return Due::Later(Some(next));
        }
        let is_last = self.schedule.after(next).is_none_or(|time| time > now);
        if !is_last || now - next > LATE {
            return Due::Missed(self.skip(now));
        }
        self.progress.seen = next;
        Due::Run(Occurrence { scheduled_at: next, missed: std::mem::take(&mut self.progress.missed) })
    }

    /// Nothing could be run until now: how many times that were.
    pub(super) fn skip(&mut self, now: DateTime<Utc>) -> usize {
        self.notice_jump_back(now);
        let missed = self.schedule.count(self.progress.seen, now, MOST);
        self.progress.seen = self.progress.seen.max(now);
        self.progress.missed = self.progress.missed.saturating_add(u32::try_from(missed).unwrap_or(u32::MAX));
        missed
    }

    fn notice_jump_back(&mut self, now: DateTime<Utc>) {
        if self.progress.seen - now > BACK {
            self.progress.seen = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: &str = "2026-11-28T16:10:30Z";

    fn at(time: &str) -> DateTime<Utc> {
        format!("2026-11-28T{time}Z").parse().unwrap()
    }

    fn every_minute() -> Timetable {
        Timetable::new("* * * * *".parse().unwrap(), None, START.parse().unwrap())
    }

    fn run(time: &str, missed: u32) -> Due {
        Due::Run(Occurrence { scheduled_at: at(time), missed })
    }

    #[test]
    fn each_time_is_run_once() {
        let mut table = every_minute();
        assert_eq!(table.look(at("16:10:59")), Due::Later(Some(at("16:11:00"))));
        assert_eq!(table.look(at("16:11:00")), run("16:11:00", 0));
        assert_eq!(table.look(at("16:11:00")), Due::Later(Some(at("16:12:00"))));
        assert_eq!(table.look(at("16:12:49")), run("16:12:00", 0));
    }

    #[test]
    fn what_a_long_run_has_passed_is_told_to_the_next() {
        let mut table = every_minute();
        assert_eq!(table.look(at("16:11:00")), run("16:11:00", 0));
        assert_eq!(table.skip(at("16:13:05")), 2);
        assert_eq!(table.look(at("16:13:05")), Due::Later(Some(at("16:14:00"))));
        assert_eq!(table.look(at("16:14:00")), run("16:14:00", 2));
        assert_eq!(table.look(at("16:15:00")), run("16:15:00", 0));
    }

    #[test]
    fn a_clock_that_is_put_forward_misses_what_it_passes() {
        let mut table = every_minute();
        assert_eq!(table.look(at("18:10:10")), Due::Missed(120));
        assert_eq!(table.look(at("18:10:10")), Due::Later(Some(at("18:11:00"))));
        assert_eq!(table.look(at("18:11:00")), run("18:11:00", 120));
        // Also a single one that it is too late for.
        let mut hourly = Timetable::new("@hourly".parse().unwrap(), None, at("16:10:30"));
        assert_eq!(hourly.look(at("17:01:00")), Due::Missed(1));
    }

    #[test]
    fn a_clock_that_is_put_back_repeats_nothing_unless_by_far() {
        let mut table = every_minute();
        assert_eq!(table.look(at("16:11:00")), run("16:11:00", 0));
        assert_eq!(table.look(at("16:05:00")), Due::Later(Some(at("16:12:00"))));
        assert_eq!(table.look(at("10:00:10")), Due::Later(Some(at("10:01:00"))));
    }

    #[test]
    fn another_start_goes_on_where_the_last_has_ended() {
        let mut table = every_minute();
        table.look(at("16:11:00"));
        let kept = serde_json::to_string(table.progress()).unwrap();
        let kept: Progress = serde_json::from_str(&kept).unwrap();
        let mut again = Timetable::new("* * * * *".parse().unwrap(), Some(kept.clone()), at("16:20:30"));
        assert_eq!(again.skip(at("16:20:30")), 9);
        assert_eq!(again.look(at("16:21:00")), run("16:21:00", 9));
        // What was missed by another schedule is not counted by this one.
        let mut other = Timetable::new("*/2 * * * *".parse().unwrap(), Some(kept), at("16:20:30"));
        assert_eq!(other.skip(at("16:20:30")), 0);
        assert_eq!(other.look(at("16:22:00")), run("16:22:00", 0));
    }

    proptest! {
        /// However the clock goes on, each time of the schedule is run, or missed, once, in order; and each run is told of
        /// what was missed since the one before.
        #[test]
        fn each_time_is_accounted_for(steps in proptest::collection::vec((1_i64..300, any::<bool>()), 1..60)) {
            let mut table = every_minute();
            let (start, mut now): (DateTime<Utc>, DateTime<Utc>) = (START.parse().unwrap(), START.parse().unwrap());
            let (mut runs, mut missed, mut untold) = (0, 0, 0);
            let mut last = start;
            for (seconds, is_busy) in steps {
                now += TimeDelta::seconds(seconds);
                if is_busy {
                    let skipped = table.skip(now);
                    (missed, untold) = (missed + skipped, untold + skipped);
                }
                loop {
                    match table.look(now) {
                        Due::Later(next) => {
                            prop_assert!(next.unwrap() > now);
                            break;
                        }
                        Due::Missed(more) => (missed, untold) = (missed + more, untold + more),
                        Due::Run(run) => {
                            prop_assert!(run.scheduled_at > last && run.scheduled_at <= now && now - run.scheduled_at <= LATE);
                            prop_assert_eq!(run.missed as usize, std::mem::take(&mut untold));
                            last = run.scheduled_at;
                            runs += 1;
                        }
                    }
                }
            }
            let schedule: Schedule = "* * * * *".parse().unwrap();
            prop_assert_eq!(runs + missed, schedule.count(start, now, usize::MAX));
        }
    }
}
