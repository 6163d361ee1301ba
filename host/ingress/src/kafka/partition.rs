//! A partition that is assigned to this host: where the group is in it, what waits, and the lane that handles its records.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::Timestamp;
use rdkafka::message::{Message as _, OwnedMessage};

use super::LaneConsumer;
use super::lane::Lane;
use super::look::{Answer, Key, Question};
use super::place::{Gap, Kept};
use super::retention::Retention;
use super::stock::Stock;
use crate::kafka::record::Handling;

/// How long no record may have come before what a look finds is the consumer's own state, and not on its way to it.
const IDLE: Duration = Duration::from_secs(2);

/// What is known of where the group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The brokers must be asked. Records wait until then.
    Asking,
    /// The next record is known.
    Open,
    /// Not without the records that are gone. Nothing is handled, and nothing committed.
    Held(Gap),
}

/// What became of a record that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is in the lane.
    Forwarded,
    /// It is not the next one: the brokers must be asked why.
    Waits,
    /// The partition is held.
    Refused,
}

/// What an answer of the brokers means for a partition.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judged {
    Unchanged,
    /// It can go on.
    GoesOn,
    /// It cannot, unless it is told to.
    Gap(Gap),
}

/// One assignment of a partition.
pub(super) struct Partition {
    pub key: Key,
    pub serial: u64,
    pub stock: Arc<Stock>,
    pub retention: Retention,
    stage: Stage,
    /// The offset that comes next, once it is known.
    next: Option<i64>,
    /// In the order in which they came.
    waiting: Vec<OwnedMessage>,
    /// How many of them had come when the brokers were asked.
    asked: Option<usize>,
    asked_at: Instant,
    last_came: Instant,
    /// The last record that came.
    last: Option<(i64, Timestamp)>,
    lane: Option<Lane>,
}

impl Partition {
    pub(super) fn new(key: Key, serial: u64) -> Self {
        Self {
            key,
            serial,
            stock: Arc::default(),
            retention: Retention::default(),
            stage: Stage::Asking,
            next: None,
            waiting: Vec::new(),
            asked: None,
            asked_at: Instant::now(),
            last_came: Instant::now(),
            last: None,
            lane: None,
        }
    }

    /// Whether it is the last record once more, which librdkafka may hand over twice where a rebalance pauses the partition.
    pub(super) fn is_again(&mut self, message: &OwnedMessage) -> bool {
        let record = (message.offset(), message.timestamp());
        self.last.replace(record) == Some(record)
    }

    /// Puts a record that came into the lane, if it is the next one.
    pub(super) fn take(&mut self, message: OwnedMessage) -> Taken {
        self.last_came = Instant::now();
        match (self.stage, &self.lane) {
            (Stage::Held(_), _) => return Taken::Refused,
            (Stage::Open, Some(lane)) if self.next == Some(message.offset()) => {
                self.next = Some(message.offset() + 1);
                lane.handle(message);
                return Taken::Forwarded;
            }
            _ => {}
        }
        self.stage = Stage::Asking;
        self.waiting.push(message);
        Taken::Waits
    }

    /// What the brokers must be asked of it.
    pub(super) fn question(&mut self) -> Question {
        (self.asked, self.asked_at) = (Some(self.waiting.len()), Instant::now());
        Question { key: self.key.clone(), serial: self.serial, is_new: self.next.is_none() }
    }

    /// What the answer shows: nothing, where it was given before that came which it should explain.
    pub(super) fn judge(&self, answer: &Answer) -> Judged {
        let Some(came) = self.came_instead() else { return Judged::Unchanged };
        let gap = self.next.or(answer.committed).and_then(|next| answer.kept.gap(next, came));
        match (gap, self.stage) {
            (Some(gap), _) => Judged::Gap(gap),
            (None, Stage::Asking) => Judged::GoesOn,
            (None, _) => Judged::Unchanged,
        }
    }

    /// The record that came instead of the next one before the brokers were asked, if one did; none at all, where there is
    /// nothing to judge yet.
    fn came_instead(&self) -> Option<Option<i64>> {
        match (self.stage, self.asked?) {
            (Stage::Asking, 0) if !self.waiting.is_empty() => None,
            (Stage::Asking, _) => Some(self.waiting.first().map(OwnedMessage::offset)),
            // A record that came after the question is not in the answer.
            (Stage::Open, _) if self.last_came + IDLE <= self.asked_at => Some(None),
            _ => None,
        }
    }

    /// More of what it is held for has been deleted since: the whole of it.
    pub(super) fn grown(&mut self, kept: Kept) -> Option<Gap> {
        let Stage::Held(Gap::Deleted { from, to }) = self.stage else { return None };
        self.stage = Stage::Held(Gap::Deleted { from, to: to.max(kept.low) });
        (kept.low > to).then_some(Gap::Deleted { from, to: kept.low })
    }

    /// Takes no more records. What is in the lane is handled.
    pub(super) fn hold(&mut self, gap: Gap) {
        self.stage = Stage::Held(gap);
        self.asked = None;
        self.stock.hold();
        for message in self.waiting.drain(..) {
            self.stock.sell(&message);
        }
        let (Gap::Deleted { from: at, .. } | Gap::Rewound { at, .. }) = gap;
        self.stock.begin(at);
    }

    /// Goes on where the group is, or after the gap. True if the brokers must be asked again.
    pub(super) fn go_on(
        &mut self,
        answer: &Answer,
        gap: Option<Gap>,
        consumer: &Arc<LaneConsumer>,
        handling: &Arc<Handling>,
    ) -> bool {
        let asked = self.asked.take().unwrap_or_default();
        let lane = self.lane.get_or_insert_with(|| Lane::open(&self.key, &self.stock, consumer, handling));
        let known = self.next.or(answer.committed).filter(|_| gap.is_none());
        let place = known.unwrap_or_else(|| {
            // A group that is new begins with what is there. It has a place from now on, and so what is deleted before it
            // was handled will be missed.
            let first = self.waiting.first().map_or(i64::MAX, OwnedMessage::offset);
            let place = gap.map_or(answer.kept.low.min(first), Gap::goes_on_at);
            lane.skip_to(place);
            place
        });
        self.stock.begin(place);
        self.next = Some(place);
        self.stage = Stage::Open;
        self.release(asked, answer.kept)
    }

    /// Takes what waits. Holes that had come when the brokers were asked are holes; of others, they must be asked.
    fn release(&mut self, asked: usize, kept: Kept) -> bool {
        let mut is_open = true;
        for (number, message) in std::mem::take(&mut self.waiting).into_iter().enumerate() {
            let is_hole = self.next.is_some_and(|next| next >= kept.low && message.offset() > next);
            if is_open && number < asked && is_hole {
                self.next = Some(message.offset());
            }
            is_open = self.take(message) == Taken::Forwarded && is_open;
        }
        !is_open
    }

    /// What the log and `/readyz` call it.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.key.0, self.key.1)
    }

    /// What it is held for.
    pub(super) fn held_for(&self) -> Option<Gap> {
        match self.stage {
            Stage::Held(gap) => Some(gap),
            _ => None,
        }
    }

    /// Gives up what waits or is in hand there: it has no stored offset, and comes again, to the partition's next owner.
    pub(super) fn abort(self) {
        if let Some(lane) = self.lane {
            lane.abort();
        }
    }

    /// Its lane, to be ended in order.
    pub(super) fn into_lane(self) -> Option<Lane> {
        self.lane
    }
}
