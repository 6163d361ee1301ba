//! A record that is sent.

use rdkafka::message::OwnedHeaders;

use super::headers;

/// What a header takes in a record beside its name and value, at the most: the lengths of both.
const HEADER_FRAMING: usize = 10;

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

/// A record on its way, whose headers may have been another record's.
pub struct Outgoing<'a> {
    /// Where it goes.
    pub topic: &'a str,
    /// Records with equal keys go to one partition.
    pub key: Option<&'a [u8]>,
    /// None is a tombstone.
    pub payload: Option<&'a [u8]>,
    /// Their names may be any bytes.
    pub headers: OwnedHeaders,
}

impl Record {
    /// How many bytes it takes at the brokers, at the most. Empty headers take some too.
    pub fn size(&self) -> usize {
        let header = |header: &Header| HEADER_FRAMING + header.name.len() + header.value.len();
        let headers: usize = self.headers.iter().map(header).sum();
        headers + self.key.as_ref().map_or(0, Vec::len) + self.payload.as_ref().map_or(0, Vec::len)
    }

    /// As it is sent.
    pub fn outgoing(&self) -> Outgoing<'_> {
        let pairs = self.headers.iter().map(|header| (header.name.as_bytes(), Some(header.value.as_slice())));
        Outgoing {
            topic: &self.topic,
            key: self.key.as_deref(),
            payload: self.payload.as_deref(),
            headers: headers(pairs),
        }
    }
}
