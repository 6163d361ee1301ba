//! What the manifest sets for the service (`services.<name>.config`).

use std::fmt;
use std::str::FromStr;

use crate::http::Problem;
use crate::wit::wasi::config::store;

/// A value that the manifest should have set, or should have set otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// A service that is set up wrongly is no fault of the client.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Problem::internal(error)
    }
}

/// The value of `key`, or `None` where the manifest does not set it.
pub fn get(key: &str) -> Result<Option<String>, Error> {
    store::get(key).map_err(|error| Error(format!("config `{key}` cannot be read: {error:?}")))
}

/// The value of `key`.
pub fn require(key: &str) -> Result<String, Error> {
    get(key)?.ok_or_else(|| Error(format!("config `{key}` is not set")))
}

/// The value of `key` as a number, or as anything else that is parsed from text.
pub fn require_parsed<T: FromStr>(key: &str) -> Result<T, Error> {
    let text = require(key)?;
    text.parse().map_err(|_| Error(format!("config `{key}` has an impossible value: `{text}`")))
}

/// All keys and values, in no particular order.
pub fn all() -> Result<Vec<(String, String)>, Error> {
    store::get_all().map_err(|error| Error(format!("config cannot be read: {error:?}")))
}
