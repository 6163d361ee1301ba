//! The Kafka producer.

use std::collections::BTreeMap;

use componentd_sdk::http::{Problem, Request, Response};
use componentd_sdk::kafka::{self, Delivery, Error, Header, OutgoingRecord};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error;

/// `{"topic":"orders","key":"1","headers":{"event-id":"…"},"payload":"text"}`, answered by `{"partition":0,"offset":5}`.
#[derive(Debug, Deserialize)]
pub(crate) struct Record {
    topic: String,
    key: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Left out, the record is a tombstone.
    payload: Option<String>,
}

pub(crate) fn send(request: &Request) -> Result<Response, Problem> {
    let answer = match kafka::send(&request.json::<Record>()?.into()) {
        Ok(Delivery { partition, offset }) => json!({ "partition": partition, "offset": offset }),
        Err(error) => failed(&error),
    };
    Response::json(200, &answer)
}

impl From<Record> for OutgoingRecord {
    fn from(record: Record) -> Self {
        let headers = record.headers.into_iter().map(|(name, value)| Header { name, value: value.into_bytes() });
        Self {
            topic: record.topic,
            key: record.key.map(String::into_bytes),
            headers: headers.collect(),
            payload: record.payload.map(String::into_bytes),
        }
    }
}

fn failed(failure: &Error) -> Value {
    match failure {
        Error::Denied(reason) => error("denied", reason),
        Error::Unavailable(reason) => error("unavailable", reason),
        Error::TooLarge(reason) => error("too-large", reason),
        Error::UnknownTopic(reason) => error("unknown-topic", reason),
        Error::Refused(reason) => error("refused", reason),
    }
}
