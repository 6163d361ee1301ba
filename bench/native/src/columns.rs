//! Columns in Postgres's binary form that sqlx reads only with another crate: money and points in time.

use std::fmt;
use std::iter::Sum;

use chrono::DateTime;
use serde::{Serialize, Serializer};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef, Postgres};
use sqlx::{Decode, Encode, Type};

/// From 1970 to 2000, where Postgres's time begins.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// An amount that is not negative, in a `numeric(12, 2)`. As text, and in JSON, it has two decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cents(u64);

impl Cents {
    /// The most that the column keeps: 9999999999.99.
    pub const MAX: Self = Self(999_999_999_999);

    /// At most ten digits, and at most two decimals.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').map_or((text, None), |(whole, decimals)| (whole, Some(decimals)));
        let cents = decimals.map_or(Some(0), |decimals| match decimals.len() {
            1 => Some(number(decimals, 1)? * 10),
            _ => number(decimals, 2),
        });
        Some(Self(number(whole, 10)? * 100 + cents?))
    }
}

fn number(digits: &str, most: usize) -> Option<u64> {
    let fits = (1..=most).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if fits { digits.parse().ok() } else { None }
}

impl fmt::Display for Cents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

impl Serialize for Cents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Sum for Cents {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.map(|amount| amount.0).sum())
    }
}

impl Type<Postgres> for Cents {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1700))
    }
}

impl Encode<'_, Postgres> for Cents {
    /// Four digits to the base 10000, the last of them after the point; then how many, the first one's weight, the sign
    /// and the number of decimals come before them.
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let (whole, cents) = (self.0 / 100, self.0 % 100);
        let digits = [whole / 100_000_000, whole / 10_000 % 10_000, whole % 10_000, cents * 100];
        for number in [4, 2, 0, 2].into_iter().chain(digits) {
            buffer.extend_from_slice(&u16::try_from(number)?.to_be_bytes());
        }
        Ok(IsNull::No)
    }
}

impl<'r> Decode<'r, Postgres> for Cents {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        let bytes = value.as_bytes()?;
        let mut numbers = bytes.chunks_exact(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]]));
        let (Some(_), Some(weight), Some(0)) = (numbers.next(), numbers.next(), numbers.next()) else {
            return Err("the number is negative, or none".into());
        };
        let mut ten_thousandths = 0;
        for (index, digit) in (0_i16..).zip(numbers.skip(1)) {
            let power = u32::try_from(weight - index + 1).map_err(|_| "the number has more than two decimals")?;
            ten_thousandths +=
                u128::try_from(digit)? * 10_000_u128.checked_pow(power).ok_or("the number is too large")?;
        }
        if ten_thousandths % 100 != 0 {
            return Err("the number has more than two decimals".into());
        }
        Ok(Self(u64::try_from(ten_thousandths / 100)?))
    }
}

/// A `timestamptz`, as RFC 3339 in UTC.
pub struct Moment(pub String);

impl Type<Postgres> for Moment {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1184))
    }
}

impl<'r> Decode<'r, Postgres> for Moment {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        let since_2000 = i64::from_be_bytes(value.as_bytes()?.try_into()?);
        let since_1970 = since_2000.checked_add(EPOCH_MICROS).and_then(DateTime::from_timestamp_micros);
        let moment = since_1970.ok_or("the time is beyond the calendar")?.naive_utc();
        Ok(Self(format!("{}T{}Z", moment.date(), moment.time())))
    }
}

#[cfg(test)]
mod tests {
    use super::Cents;

    #[test]
    fn amounts_have_two_decimals() {
        for (text, expected) in
            [("0", "0.00"), ("12.9", "12.90"), ("12.99", "12.99"), ("9999999999.99", "9999999999.99")]
        {
            assert_eq!(Cents::parse(text).unwrap().to_string(), expected);
        }
        assert_eq!(Cents::parse("9999999999.99"), Some(Cents::MAX));
    }

    #[test]
    fn what_is_no_amount() {
        for text in ["", ".", ".5", "5.", "-1", "+1", "1e3", "1.999", "10000000000", "1.2.3", "NaN", " 1"] {
            assert_eq!(Cents::parse(text), None, "{text:?}");
        }
    }
}
