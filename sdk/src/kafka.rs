//! Kafka: sending records, and what a handler of a topic is given and returns.

use crate::http::Problem;
pub use crate::wit::componentd::kafka::producer::{Delivery, Error, send};
pub use crate::wit::componentd::kafka::types::{Header, OutgoingRecord};
pub use crate::wit::kafka_service::exports::componentd::kafka::handler::{Failure, IncomingRecord};

/// What a handler of HTTP answers when a record was not taken: come back later, or a fault of ours.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(_) => Problem::unavailable(error),
            other => Problem::internal(other),
        }
    }
}
