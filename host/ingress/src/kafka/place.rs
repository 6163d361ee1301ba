//! Where a group is in the log of a partition, against what the broker keeps of it.

use std::fmt;

/// What a broker keeps of a partition: the offsets from `low` up to `high`, which is that of the next record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The first that is there.
    pub low: i64,
    /// The one after the last.
    pub high: i64,
}

/// Why a group cannot simply go on where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// The broker has deleted the records `from..to` before the group got them.
    Deleted {
        /// The first of them.
        from: i64,
        /// The one after the last.
        to: i64,
    },
    /// The log does not reach to `at`, where the group is, or has begun again before it: the topic was made anew, or the
    /// broker lost records that it had acknowledged. What it has now, from `low` on, is not what was handled.
    Rewound {
        /// Where the group is.
        at: i64,
        /// The first record that is there.
        low: i64,
    },
}

impl Kept {
    /// What is wrong with going on at `next`. `came` is the record that came instead of it, if one did. One that is further
    /// on, though nothing was deleted, is no gap: compacted topics have holes, and so have those with transactions.
    pub fn gap(self, next: i64, came: Option<i64>) -> Option<Gap> {
        let first = came.map_or(self.low, |came| came.min(self.low));
        if self.high < next || came.is_some_and(|came| came < next) {
            Some(Gap::Rewound { at: next, low: first })
        } else if self.low > next {
            Some(Gap::Deleted { from: next, to: first })
        } else {
            None
        }
    }
}

impl Gap {
    /// How many records are lost, where that can be known.
    pub fn count(self) -> Option<i64> {
        match self {
            Self::Deleted { from, to } => Some(to - from),
            Self::Rewound { .. } => None,
        }
    }

    /// Where to go on so that nothing more is skipped.
    pub fn goes_on_at(self) -> i64 {
        match self {
            Self::Deleted { to, .. } => to,
            Self::Rewound { low, .. } => low,
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deleted { from, to } => {
                let (count, last) = (to - from, to - 1);
                write!(f, "the broker has deleted {count} records that were not handled, the offsets {from} to {last}")
            }
            Self::Rewound { at, low } => write!(
                f,
                "the log was made anew, or has lost its end: the group is at offset {at}, which the broker does not have; \
                 how many records were lost cannot be known, and what is there begins at {low}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: Kept = Kept { low: 10, high: 20 };

    #[test]
    fn what_the_broker_has_is_no_gap() {
        for next in 10..=20 {
            assert_eq!(KEPT.gap(next, None), None, "{next}");
        }
        assert_eq!(KEPT.gap(12, Some(15)), None, "a hole of a compacted topic");
    }

    #[test]
    fn deleted_records_are_counted_up_to_what_came() {
        assert_eq!(KEPT.gap(4, None), Some(Gap::Deleted { from: 4, to: 10 }));
        assert_eq!(KEPT.gap(4, Some(10)), Some(Gap::Deleted { from: 4, to: 10 }));
        let more_was_deleted_since = KEPT.gap(4, Some(7));
        assert_eq!(more_was_deleted_since, Some(Gap::Deleted { from: 4, to: 7 }));
        assert_eq!(KEPT.gap(4, Some(12)), Some(Gap::Deleted { from: 4, to: 10 }), "and a hole after them");
    }

    #[test]
    fn a_log_that_begins_again_is_read_from_its_beginning() {
        let low = |gap: Option<Gap>| gap.map(Gap::goes_on_at);
        assert_eq!(KEPT.gap(21, None), Some(Gap::Rewound { at: 21, low: 10 }));
        assert_eq!(low(KEPT.gap(15, Some(10))), Some(10), "also where it is as long as the old one by now");
        assert_eq!(low(Kept { low: 0, high: 0 }.gap(7, None)), Some(0));
    }
}
