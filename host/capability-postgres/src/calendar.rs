//! Dates and times between ISO 8601 text and Postgres's binary form: days and microseconds since 2000-01-01.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

const MICROS_PER_DAY: i64 = 86_400_000_000;

const EPOCH: NaiveDate = NaiveDate::from_ymd_opt(2000, 1, 1).expect("a day of the calendar");

/// Postgres keeps the infinities as the ends of the binary form's range.
fn infinity<T: PartialEq>(value: &T, least: &T, most: &T) -> Option<String> {
    if value == most {
        Some("infinity".to_owned())
    } else if value == least {
        Some("-infinity".to_owned())
    } else {
        None
    }
}

/// None for a date beyond the year 262,142 either way.
pub(super) fn date_text(days: i32) -> Option<String> {
    infinity(&days, &i32::MIN, &i32::MAX).or_else(|| date(days.into()).map(|date| date.to_string()))
}

pub(super) fn date_days(text: &str) -> Option<i32> {
    match text {
        "infinity" => Some(i32::MAX),
        "-infinity" => Some(i32::MIN),
        _ => days(text.parse().ok()?).try_into().ok(),
    }
}

/// 24:00:00 is a time to Postgres.
pub(super) fn time_text(micros: i64) -> Option<String> {
    if micros == MICROS_PER_DAY { Some("24:00:00".to_owned()) } else { time(micros).map(|time| time.to_string()) }
}

pub(super) fn time_micros(text: &str) -> Option<i64> {
    if text == "24:00:00" { Some(MICROS_PER_DAY) } else { micros(text.parse().ok()?) }
}

/// None for a point in time beyond the year 262,142 either way.
pub(super) fn timestamp_text(since: i64) -> Option<String> {
    infinity(&since, &i64::MIN, &i64::MAX).or_else(|| {
        let (day, clock) = (date(since.div_euclid(MICROS_PER_DAY))?, time(since.rem_euclid(MICROS_PER_DAY))?);
        Some(format!("{day}T{clock}"))
    })
}

pub(super) fn timestamptz_text(since: i64) -> Option<String> {
    let text = timestamp_text(since)?;
    let finite = !text.ends_with("infinity");
    Some(if finite { text + "Z" } else { text })
}

pub(super) fn timestamp_micros(text: &str) -> Option<i64> {
    infinite_micros(text).or_else(|| since_epoch(text.parse().ok()?))
}

pub(super) fn timestamptz_micros(text: &str) -> Option<i64> {
    infinite_micros(text).or_else(|| since_epoch(text.parse::<DateTime<chrono::FixedOffset>>().ok()?.naive_utc()))
}

fn infinite_micros(text: &str) -> Option<i64> {
    match text {
        "infinity" => Some(i64::MAX),
        "-infinity" => Some(i64::MIN),
        _ => None,
    }
}

fn since_epoch(at: NaiveDateTime) -> Option<i64> {
    days(at.date()).checked_mul(MICROS_PER_DAY)?.checked_add(micros(at.time())?)
}

fn date(days: i64) -> Option<NaiveDate> {
    let distance = Days::new(days.unsigned_abs());
    if days < 0 { EPOCH.checked_sub_days(distance) } else { EPOCH.checked_add_days(distance) }
}

fn days(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce()) - i64::from(EPOCH.num_days_from_ce())
}

fn time(micros: i64) -> Option<NaiveTime> {
    let in_day = (0..MICROS_PER_DAY).contains(&micros);
    in_day.then(|| NaiveTime::MIN + TimeDelta::microseconds(micros))
}

/// None for a fraction finer than a microsecond, and for a leap second, which Postgres does not keep.
fn micros(time: NaiveTime) -> Option<i64> {
    let since_midnight = time - NaiveTime::MIN;
    let micros = since_midnight.num_microseconds()?;
    let exact = TimeDelta::microseconds(micros) == since_midnight && micros < MICROS_PER_DAY;
    exact.then_some(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_survive() {
        for text in ["2000-01-01", "1969-12-31", "-0043-03-15", "9999-12-31", "infinity", "-infinity"] {
            assert_eq!(date_text(date_days(text).unwrap()).as_deref(), Some(text));
        }
        for text in ["00:00:00", "23:59:59.999999", "24:00:00", "12:30:00.500"] {
            assert_eq!(time_text(time_micros(text).unwrap()).as_deref(), Some(text));
        }
        for text in ["2026-11-22T10:15:30.500", "1999-12-31T23:59:59.999999", "infinity"] {
            assert_eq!(timestamp_text(timestamp_micros(text).unwrap()).as_deref(), Some(text));
        }
        let utc = timestamptz_micros("2026-11-22T12:15:30+02:00").unwrap();
        assert_eq!(timestamptz_text(utc).as_deref(), Some("2026-11-22T10:15:30Z"));
    }

    #[test]
    fn what_would_be_rounded_or_is_no_date_is_refused() {
        assert_eq!(time_micros("00:00:00.0000001"), None);
        assert_eq!(date_days("2026-02-30"), None);
        assert_eq!(timestamptz_micros("2026-11-22T10:15:30"), None, "a point in time needs an offset");
        assert_eq!(date_text(i32::MAX - 1), None);
    }
}
