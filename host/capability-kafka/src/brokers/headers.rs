//! The headers of records, as Kafka has them: names are bytes. Whoever may write to a topic may choose any.
//!
//! rdkafka takes names for UTF-8 and panics where one is not, so this asks librdkafka itself.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use rdkafka::bindings::{
    rd_kafka_header_add, rd_kafka_header_get_all, rd_kafka_headers_t, rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
};
use rdkafka::message::{BorrowedHeaders, Headers as _, Message as _, OwnedHeaders, OwnedMessage};

/// A header of a record that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceivedHeader<'a> {
    /// Up to its first NUL, which librdkafka takes for the end.
    pub name: &'a [u8],
    /// None is null, which is not the same as empty.
    pub value: Option<&'a [u8]>,
}

/// The headers of a record that came, in their order.
pub fn headers_of(message: &OwnedMessage) -> impl Iterator<Item = ReceivedHeader<'_>> {
    let headers = message.headers();
    let count = headers.map_or(0, OwnedHeaders::count);
    (0..count).filter_map(move |index| get(headers?, index))
}

/// Headers for a record to send. Names may be any bytes.
pub fn headers<'a>(all: impl ExactSizeIterator<Item = (&'a [u8], Option<&'a [u8]>)>) -> OwnedHeaders {
    let headers = OwnedHeaders::new_with_capacity(all.len());
    for (name, value) in all {
        add(&headers, name, value);
    }
    headers
}

/// librdkafka's own list behind rdkafka's wrapper of it.
fn native(headers: &OwnedHeaders) -> *mut rd_kafka_headers_t {
    // rdkafka makes this reference of the list's address, and nothing else, and takes it back the same way.
    ptr::from_ref::<BorrowedHeaders>(headers.as_borrowed()).cast_mut().cast()
}

fn get(headers: &OwnedHeaders, index: usize) -> Option<ReceivedHeader<'_>> {
    let (mut name, mut value, mut size) = (ptr::null::<c_char>(), ptr::null::<c_void>(), 0);
    // SAFETY: the list lives as long as `headers`, the three places are written by librdkafka or left as they are.
    let found = unsafe { rd_kafka_header_get_all(native(headers), index, &mut name, &mut value, &mut size) };
    if found != RD_KAFKA_RESP_ERR_NO_ERROR {
        return None;
    }
    // SAFETY: librdkafka ends each name with NUL. Name and value belong to the list, which nothing changes while it is
    // borrowed: only `add` does, before anybody else has it.
    unsafe {
        let name = CStr::from_ptr(name).to_bytes();
        let value = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), size));
        Some(ReceivedHeader { name, value })
    }
}

fn add(headers: &OwnedHeaders, name: &[u8], value: Option<&[u8]>) {
    let (pointer, size) = value.map_or((ptr::null(), 0), |value| (value.as_ptr(), value.len()));
    let size_of = |size: usize| isize::try_from(size).expect("no slice is longer");
    // SAFETY: the list lives as long as `headers`; librdkafka copies name and value, each by its length.
    let added = unsafe {
        rd_kafka_header_add(
            native(headers),
            name.as_ptr().cast(),
            size_of(name.len()),
            pointer.cast::<c_void>().cast_mut(),
            size_of(size),
        )
    };
    assert_eq!(added, RD_KAFKA_RESP_ERR_NO_ERROR, "a list of our own takes any header");
}

#[cfg(test)]
mod tests {
    use rdkafka::Timestamp;

    use super::*;

    #[test]
    fn names_are_any_bytes_and_null_is_not_empty() {
        let all: [(&[u8], Option<&[u8]>); 4] =
            [(b"a", Some(b"1")), (b"\xff\xfe", Some(b"")), (b"", None), ("ä".as_bytes(), Some(b"\x00"))];
        let message = OwnedMessage::new(
            None,
            None,
            "orders".to_owned(),
            Timestamp::NotAvailable,
            0,
            0,
            Some(headers(all.into_iter())),
        );
        let read: Vec<_> = headers_of(&message).map(|header| (header.name, header.value)).collect();
        assert_eq!(read, all);
    }

    #[test]
    fn a_record_may_have_none() {
        let message = OwnedMessage::new(None, None, "orders".to_owned(), Timestamp::NotAvailable, 0, 0, None);
        assert_eq!(headers_of(&message).count(), 0);
    }
}
