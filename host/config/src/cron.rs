//! The trigger of a service that runs by a schedule.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use schemars::JsonSchema;
use serde::Deserialize;

/// The component runs at the times of a schedule, one run at a time. Times that were missed are not caught up on: they are
/// counted, and the next run is told.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CronTrigger {
    /// When, in UTC, as crontab(5) has it: minute, hour, day of month, month, day of week. `*/5 * * * *` is every five
    /// minutes, `30 4 1,15 * *` half past four on two days of each month, `0 9 * * mon-fri` nine on working days. Where both
    /// days are given, either is enough. `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly` stand for such a line.
    pub schedule: Schedule,
}

/// Points in time, each at the start of a minute, written as in a crontab.
#[derive(Clone)]
pub struct Schedule {
    text: String,
    times: Cron,
}

impl Schedule {
    /// The first of its times that is later; none where that is past what a calendar has.
    pub fn after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.times.find_next_occurrence(&time, false).ok()
    }

    /// How many of its times are later than `from`, up to `to`; it counts to `most`.
    pub fn count(&self, from: DateTime<Utc>, to: DateTime<Utc>, most: usize) -> usize {
        let times = std::iter::successors(self.after(from), |time| self.after(*time));
        times.take_while(|time| *time <= to).take(most).count()
    }
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let refused = |reason: &str| {
            let write = "write minute, hour, day of month, month and day of week, as in \"*/5 * * * *\"";
            format!("{text:?} is no schedule: {reason}; {write}")
        };
        let fields = text.split_whitespace().count();
        if fields != 5 && !text.trim_start().starts_with('@') {
            return Err(refused(&format!("it has {fields} fields, and not 5")));
        }
        let times = parser.parse(text).map_err(|error| match error {
            CronError::ComponentError(reason) | CronError::IllegalCharacters(reason) => {
                refused(&lower_case(reason.trim_end_matches('.')))
            }
            _ => refused("it is no line of a crontab"),
        })?;
        let schedule = Self { text: text.to_owned(), times };
        match schedule.after(DateTime::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(format!("{text:?} never comes: no month that it names has such a day")),
        }
    }
}

/// As it stands within a sentence.
fn lower_case(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect()
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, TimeDelta, Timelike};
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn next(schedule: &str, after: &str) -> DateTime<Utc> {
        schedule.parse::<Schedule>().unwrap().after(at(after)).unwrap()
    }

    #[test]
    fn what_a_crontab_means() {
        let now = "2026-11-28T16:10:30Z"; // A Saturday.
        assert_eq!(next("*/5 * * * *", now), at("2026-11-28T16:15:00Z"));
        assert_eq!(next("*/5 * * * *", "2026-11-28T16:15:00Z"), at("2026-11-28T16:20:00Z"));
        assert_eq!(next("0 9 * * mon-FRI", now), at("2026-11-30T09:00:00Z"));
        assert_eq!(next("0 12 * * 7", now), next("0 12 * * 0", now));
        assert_eq!(next("@daily", now), at("2026-11-29T00:00:00Z"));
        assert_eq!(next("0 0 29 2 *", now), at("2028-02-29T00:00:00Z"));
        assert_eq!(next("10-40/15 8 * Dec *", now), at("2026-12-01T08:10:00Z"));
    }

    #[test]
    fn where_both_days_are_given_either_is_enough() {
        // The 13th, and each Friday.
        let schedule: Schedule = "0 0 13 * FRI".parse().unwrap();
        let times = std::iter::successors(schedule.after(at("2026-12-01T00:00:00Z")), |time| schedule.after(*time));
        let days: Vec<u32> = times.take_while(|time| time.month() == 12).map(|time| time.day()).collect();
        assert_eq!(days, [4, 11, 13, 18, 25]);
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        let refused = |text: &str| text.parse::<Schedule>().unwrap_err();
        for wrong in ["", "* * * *", "* * * * * *", "60 * * * *", "*/0 * * * *", "5-1 * * * *", "a * * * *", "@reboot"]
        {
            assert!(refused(wrong).contains("is no schedule: "), "{wrong}: {}", refused(wrong));
        }
        for never in ["0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
            assert!(refused(never).contains("never comes"), "{never}: {}", refused(never));
        }
    }

    #[test]
    fn times_are_counted_to_a_bound() {
        let schedule: Schedule = "* * * * *".parse().unwrap();
        let from = at("2026-11-28T16:10:00Z");
        assert_eq!(schedule.count(from, from, 9), 0);
        assert_eq!(schedule.count(from, from + TimeDelta::minutes(3), 9), 3);
        assert_eq!(schedule.count(from, from + TimeDelta::days(3), 9), 9);
        assert_eq!(schedule.count(from, from - TimeDelta::days(3), 9), 0);
    }

    /// A field as it is written, and the numbers that it means.
    fn field(least: u32, most: u32) -> impl Strategy<Value = (String, Vec<u32>)> {
        let all = (least..=most).collect::<Vec<_>>();
        let listed = proptest::collection::btree_set(least..=most, 1..4).prop_map(|set| {
            let text = set.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
            (text, set.into_iter().collect())
        });
        let ranged = (least..=most, least..=most, 1..=most).prop_map(|(one, other, step)| {
            let (from, to) = (one.min(other), one.max(other));
            (format!("{from}-{to}/{step}"), (from..=to).step_by(step as usize).collect())
        });
        prop_oneof![Just(("*".to_owned(), all)), listed, ranged]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Against a search minute by minute, by what the five fields mean.
        #[test]
        fn the_next_time_is_the_first_that_matches(
            minute in field(0, 59),
            hour in field(0, 23),
            day in field(1, 28),
            month in field(1, 12),
            weekday in field(0, 6),
            seconds in 0_i64..2_000_000_000,
        ) {
            let fields = [&minute, &hour, &day, &month, &weekday];
            let text = fields.map(|(text, _)| text.as_str()).join(" ");
            let schedule: Schedule = text.parse().unwrap();
            let now = DateTime::from_timestamp(seconds, 0).unwrap();
            let next = schedule.after(now).unwrap();
            prop_assert!(next > now);

            let (any_day, any_weekday) = (day.0 == "*", weekday.0 == "*");
            let matches = |time: DateTime<Utc>| {
                let by_day = any_day || day.1.contains(&time.day());
                let by_weekday = weekday.1.contains(&time.weekday().num_days_from_sunday());
                let is_day = if any_day || any_weekday { by_day && by_weekday } else { by_day || by_weekday };
                is_day && month.1.contains(&time.month())
            };
            // Days first: a whole one is passed over at once.
            let mut time = now.with_second(0).unwrap() + TimeDelta::minutes(1);
            let first = loop {
                if !matches(time) {
                    time = (time + TimeDelta::days(1)).with_hour(0).unwrap().with_minute(0).unwrap();
                } else if hour.1.contains(&time.hour()) && minute.1.contains(&time.minute()) {
                    break time;
                } else {
                    time += TimeDelta::minutes(1);
                }
            };
            prop_assert_eq!(next, first, "{} after {}", text, now);
        }
    }
}
