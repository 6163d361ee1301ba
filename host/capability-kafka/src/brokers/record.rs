//! A record that is sent.

use rdkafka::message::{Header as RdHeader, OwnedHeaders};

/// A record to send. Records with equal keys go to the same partition and keep their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it goes.
    pub topic: String,
    /// Records with equal keys go to one partition.
    pub key: Option<Vec<u8>>,
    /// In order; a name may come more than once.
    pub headers: Vec<Header>,
    /// None is a tombstone.
    pub payload: Option<Vec<u8>>,
}

/// A header of a record. Names may repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// In UTF-8.
    pub name: String,
    /// Any bytes.
    pub value: Vec<u8>,
}

/// Headers as librdkafka takes them.
pub fn headers<'a>(headers: impl ExactSizeIterator<Item = (&'a str, &'a [u8])>) -> OwnedHeaders {
    let empty = OwnedHeaders::new_with_capacity(headers.len());
    headers.fold(empty, |all, (key, value)| all.insert(RdHeader { key, value: Some(value) }))
}
