//! The service's log. The host adds the service, its version, and the id of the request or record in hand.

use crate::wit::wasi::logging::logging::{Level, log};

/// What helps while debugging.
pub fn debug(message: impl AsRef<str>) {
    log(Level::Debug, "", message.as_ref());
}

/// What operators like to know.
pub fn info(message: impl AsRef<str>) {
    log(Level::Info, "", message.as_ref());
}

/// What is suspicious and was dealt with.
pub fn warn(message: impl AsRef<str>) {
    log(Level::Warn, "", message.as_ref());
}

/// What failed.
pub fn error(message: impl AsRef<str>) {
    log(Level::Error, "", message.as_ref());
}
