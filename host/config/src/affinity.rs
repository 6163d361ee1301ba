//! By what a client is known during a canary.

use std::str::FromStr;

use http::HeaderName;

/// The part of a request that tells clients apart, written `header:x-user` or `cookie:session`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Affinity {
    /// The value of this request header; its name is compared without regard to case.
    Header(HeaderName),
    /// The value of the cookie of this name; its case counts.
    Cookie(String),
}

impl FromStr for Affinity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = match text.split_once(':') {
            Some(("header", name)) => name.parse().ok().map(Self::Header),
            Some(("cookie", name)) if is_token(name) => Some(Self::Cookie(name.to_owned())),
            _ => None,
        };
        parsed.ok_or_else(|| format!("{text:?} names nothing: write header:<name> or cookie:<name>"))
    }
}

/// A cookie's name is a token (RFC 6265 section 4.1.1), as a header's is, but with upper and lower case.
fn is_token(name: &str) -> bool {
    name.parse::<HeaderName>().is_ok()
}
