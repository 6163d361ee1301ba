//! Money without rounding: whole cents.

use std::fmt;
use std::iter::Sum;

use serde::{Serialize, Serializer};

/// An amount that is not negative. As text, and in JSON, it has two decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cents(u64);

impl Cents {
    /// The most that an order may cost, which is also the most that a product may: 9999999999.99. Sums of prices are far
    /// from the end of `u64`.
    pub(crate) const MAX: Self = Self(999_999_999_999);

    /// A price as a `numeric(12, 2)` column gives it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "00"));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || decimals.len() != 2 || !digits(whole) || !digits(decimals) {
            return None;
        }
        let cents = Self(format!("{whole}{decimals}").parse().ok()?);
        (cents <= Self::MAX).then_some(cents)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn cents(text: &str) -> Cents {
        Cents::parse(text).unwrap()
    }

    #[test]
    fn text_and_back() {
        for text in ["0.00", "0.05", "0.99", "1.99", "10.00", "9999999999.99"] {
            assert_eq!(cents(text).to_string(), text);
        }
        assert_eq!(cents("7").to_string(), "7.00");
    }

    #[test]
    fn what_is_no_price() {
        for text in
            ["", ".50", "1.", "1.5", "1.999", "-1.00", "NaN", "10000000000.00", "1.9x", "99999999999999999999.00"]
        {
            assert_eq!(Cents::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn sums_are_exact() {
        let total: Cents = ["1.99", "0.99", "0.99", "0.10"].into_iter().map(cents).sum();
        assert_eq!(total.to_string(), "4.07");
        let most: Cents = std::iter::repeat_n(Cents::MAX, 100).sum();
        assert_eq!(most.to_string(), "999999999999.00");
    }
}
