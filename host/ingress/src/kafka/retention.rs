//! How near a consumer is to the records that the broker deletes.

use super::place::Kept;

/// Whether a consumer of a partition is about to be overtaken, as of the last look.
///
/// It is, when the broker deletes at all, the consumer is in the older half of what is kept, and does not get away from its
/// beginning. The half, because a broker deletes in segments: as long as there are two of them, one deletion takes no more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Retention {
    margin: Option<i64>,
    is_near: bool,
}

/// What a look has found to be otherwise than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Near,
    Away,
}

impl Retention {
    /// Looks again, from where everything up to `handled` was handled.
    pub(super) fn look(&mut self, handled: i64, kept: Kept) -> Option<Change> {
        let (margin, lag) = (handled - kept.low, kept.high - handled);
        let gets_away = self.margin.replace(margin).is_none_or(|before| margin > before);
        let was_near = self.is_near;
        self.is_near = if was_near { margin < lag } else { kept.low > 0 && margin < lag && !gets_away };
        match (was_near, self.is_near) {
            (false, true) => Some(Change::Near),
            (true, false) => Some(Change::Away),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What looks find, each at a place and in a log.
    fn changes(looks: &[(i64, i64, i64)]) -> Vec<Option<Change>> {
        let mut retention = Retention::default();
        looks.iter().map(|(handled, low, high)| retention.look(*handled, Kept { low: *low, high: *high })).collect()
    }

    #[test]
    fn a_consumer_that_the_deletion_comes_near_is_told_of_once() {
        let looks = [(60, 10, 100), (60, 30, 100), (60, 30, 110), (70, 40, 120), (110, 40, 120)];
        assert_eq!(changes(&looks), [None, Some(Change::Near), None, None, Some(Change::Away)]);
    }

    #[test]
    fn one_that_catches_up_is_not_told_of() {
        assert_eq!(changes(&[(10, 10, 100), (30, 10, 100), (50, 12, 100)]), [None; 3]);
    }

    #[test]
    fn nor_is_one_whose_broker_deletes_nothing() {
        assert_eq!(changes(&[(0, 0, 100), (0, 0, 200)]), [None; 2]);
    }
}
