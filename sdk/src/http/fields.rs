//! Header fields, between text and what wasi:http has.

use crate::wit::wasi::http::types::Fields;

/// Names in lower case, and text. Bytes that are no UTF-8 are replaced.
pub(super) fn texts(fields: &Fields) -> Vec<(String, String)> {
    let text = |(mut name, value): (String, Vec<u8>)| {
        name.make_ascii_lowercase();
        (name, String::from_utf8(value).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
    };
    fields.entries().into_iter().map(text).collect()
}

/// The fields of a message, with the length of its body: it is known, so nothing needs to be chunked.
///
/// # Errors
/// A name or a value cannot stand in a header, or is the host's own to set.
pub(super) fn with_length(headers: Vec<(String, String)>, body_length: usize) -> Result<Fields, ()> {
    let length = ("content-length".to_owned(), body_length.to_string());
    from_texts(headers.into_iter().chain([length]))
}

/// The fields of a message that has no body.
///
/// # Errors
/// A name or a value cannot stand in a header, or is the host's own to set.
pub(super) fn from_texts(headers: impl IntoIterator<Item = (String, String)>) -> Result<Fields, ()> {
    let entries: Vec<_> = headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
    Fields::from_list(&entries).map_err(drop)
}
