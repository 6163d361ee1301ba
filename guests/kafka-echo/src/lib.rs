//! Handles a record as its payload says, and keeps in Redis what it has handled.
//!
//! | payload | what it does |
//! | --- | --- |
//! | `{"do":"ok"}`, or none | adds the offset to the list at `handled:{topic}:{partition}`: `0,1,2` |
//! | `{"do":"retry"}` | asks for another attempt, each time |
//! | `{"do":"retry","times":2}` | asks for another attempt twice, then does as `ok` |
//! | `{"do":"reject"}` | says that it never will |
//! | `{"do":"trap"}` | stops at an `unreachable` |
//! | `{"do":"spin"}` | never ends |
//! | `{"do":"sleep","ms":5}` | waits that long, then does as `ok` |
//!
//! Any other payload is rejected.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use componentd_sdk::export_kafka;
use componentd_sdk::kafka::{Failure, IncomingRecord};
use componentd_sdk::redis::{self, SetOptions};
use serde::Deserialize;

export_kafka!(handle);

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
enum Order {
    Ok,
    Retry { times: Option<u32> },
    Reject,
    Trap,
    Spin,
    Sleep { ms: u64 },
}

fn handle(record: IncomingRecord) -> Result<(), Failure> {
    match parse(record.payload.as_deref())? {
        Order::Ok => {}
        Order::Retry { times } if times.is_none_or(|times| record.attempt <= times) => {
            return Err(Failure::Retry(format!("asked to retry, attempt {}", record.attempt)));
        }
        Order::Retry { .. } => {}
        Order::Reject => return Err(Failure::Reject("asked to reject".to_owned())),
        Order::Trap => std::process::abort(),
        Order::Spin => spin(),
        Order::Sleep { ms } => thread::sleep(Duration::from_millis(ms)),
    }
    remember(&record).map_err(|error| Failure::Retry(error.to_string()))
}

fn parse(payload: Option<&[u8]>) -> Result<Order, Failure> {
    let Some(payload) = payload else { return Ok(Order::Ok) };
    serde_json::from_slice(payload).map_err(|error| Failure::Reject(error.to_string()))
}

/// Not atomic, and need not be: records of one partition come one at a time.
fn remember(record: &IncomingRecord) -> Result<(), redis::Error> {
    let key = format!("handled:{}:{}", record.topic, record.partition);
    let mut list = redis::get(&key)?.unwrap_or_default();
    if !list.is_empty() {
        list.push(b',');
    }
    list.extend_from_slice(record.offset.to_string().as_bytes());
    redis::set(&key, &list, SetOptions::forever()).map(|_| ())
}

fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_payload_says() {
        assert!(matches!(parse(None), Ok(Order::Ok)));
        assert!(matches!(parse(Some(br#"{"do":"retry"}"#)), Ok(Order::Retry { times: None })));
        assert!(matches!(parse(Some(br#"{"do":"retry","times":2}"#)), Ok(Order::Retry { times: Some(2) })));
        assert!(matches!(parse(Some(b"hello")), Err(Failure::Reject(_))));
    }
}
