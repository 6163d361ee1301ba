//! What of a partition's records is in memory, and how far they are handled: shared by the consumer and the lane.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use componentd_capability_kafka::brokers::headers_of;
use rdkafka::message::{Message as _, OwnedMessage};

/// Bytes of one partition's records in memory, from which on its fetching pauses; it goes on below half of that.
const FULL: usize = 4 << 20;

/// What a record takes in memory beside its key and payload, so that empty ones count too.
const RECORD_OVERHEAD: usize = 1 << 10;

/// What a header takes in librdkafka beside its key and value.
const HEADER_OVERHEAD: usize = 64;

/// Of one partition.
#[derive(Debug)]
pub(super) struct Stock {
    /// With the record in hand.
    bytes: AtomicUsize,
    /// The offset up to which everything was handled; negative until that is known.
    handled: AtomicI64,
    is_held: AtomicBool,
}

impl Default for Stock {
    fn default() -> Self {
        Self { bytes: AtomicUsize::new(0), handled: AtomicI64::new(-1), is_held: AtomicBool::new(false) }
    }
}

impl Stock {
    /// Adds a record; true if fetching must pause.
    pub(super) fn buy(&self, message: &OwnedMessage) -> bool {
        let size = size_of_record(message);
        self.bytes.fetch_add(size, Ordering::Relaxed) + size >= FULL
    }

    /// Takes a record away; true if fetching may go on.
    pub(super) fn sell(&self, message: &OwnedMessage) -> bool {
        let size = size_of_record(message);
        let before = self.bytes.fetch_sub(size, Ordering::Relaxed);
        before >= FULL / 2 && before - size < FULL / 2 && !self.is_held.load(Ordering::Relaxed)
    }

    /// Whether fetching may go on.
    pub(super) fn is_low(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) < FULL / 2 && !self.is_held.load(Ordering::Relaxed)
    }

    /// Fetching must not go on.
    pub(super) fn hold(&self) {
        self.is_held.store(true, Ordering::Relaxed);
    }

    /// Where the partition begins, if it is not known.
    pub(super) fn begin(&self, at: i64) {
        let _ = self.handled.compare_exchange(-1, at, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub(super) fn handled_up_to(&self, offset: i64) {
        self.handled.store(offset, Ordering::Relaxed);
    }

    pub(super) fn handled(&self) -> Option<i64> {
        Some(self.handled.load(Ordering::Relaxed)).filter(|offset| *offset >= 0)
    }
}

fn size_of_record(message: &OwnedMessage) -> usize {
    let content = message.key().map_or(0, <[u8]>::len) + message.payload().map_or(0, <[u8]>::len);
    RECORD_OVERHEAD + content + size_of_headers(message)
}

fn size_of_headers(message: &OwnedMessage) -> usize {
    let size = |value: Option<&[u8]>| value.map_or(0, <[u8]>::len);
    headers_of(message).map(|header| HEADER_OVERHEAD + header.name.len() + size(header.value)).sum()
}

#[cfg(test)]
mod tests {
    use rdkafka::Timestamp;
    use rdkafka::message::{Header, OwnedHeaders};

    use super::*;

    fn record(headers: OwnedHeaders) -> OwnedMessage {
        OwnedMessage::new(None, None, "orders".to_owned(), Timestamp::NotAvailable, 0, 0, Some(headers))
    }

    #[test]
    fn a_large_header_counts() {
        let (stock, value) = (Stock::default(), vec![0; FULL]);
        let record = record(OwnedHeaders::new().insert(Header { key: "trace", value: Some(&value) }));
        assert!(stock.buy(&record), "fetching pauses");
        assert!(stock.sell(&record) && stock.is_low(), "and goes on");
    }

    #[test]
    fn so_do_many_empty_ones() {
        let count = FULL / HEADER_OVERHEAD;
        let empty = Header { key: "", value: None::<&[u8]> };
        let headers =
            (0..count).fold(OwnedHeaders::new_with_capacity(count), |headers, _| headers.insert(empty.clone()));
        assert!(Stock::default().buy(&record(headers)));
    }
}
