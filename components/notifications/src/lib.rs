//! Mails a confirmation of each order.
//!
//! Handles the topic `orders`: looks the customer's address up in Redis and posts the mail to SendGrid.

mod event;
mod mail;

use std::time::Duration;

use componentd_sdk::kafka::{Failure, IncomingRecord};
use componentd_sdk::redis::{self, SetOptions};
use componentd_sdk::{export_kafka, log};

use crate::event::OrderCreated;

export_kafka!(handle);

/// How long a repeated event is known as one: as long as Kafka keeps records by default.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

fn handle(record: IncomingRecord) -> Result<(), Failure> {
    let event = OrderCreated::parse(record.payload.as_deref())?;
    let mark = format!("notified:{}", event.event_id);
    if redis::exists(&mark).map_err(later)? {
        log::debug(format!("repeated event {}", event.event_id));
        return Ok(());
    }
    mail::send(&event, &address_of(event.user_id)?)?;
    remember(&mark);
    Ok(())
}

/// An address that is not there may still come: another partition, or the sign-up itself, may be slower than this one.
fn address_of(user_id: i64) -> Result<String, Failure> {
    let key = format!("user:{user_id}:email");
    let value = redis::get(&key).map_err(later)?;
    let bytes = value.ok_or_else(|| Failure::Retry(format!("there is no email at {key}")))?;
    String::from_utf8(bytes).map_err(|_| Failure::Reject(format!("the email at {key} is no text")))
}

/// After the mail, so that none is lost; a crash in between, or a Redis that is away just now, may send it twice.
fn remember(mark: &str) {
    if let Err(error) = redis::set(mark, b"1", SetOptions::expiring(REMEMBERED)) {
        log::warn(format!("{mark} is not kept, a repeated event would send a second mail: {error}"));
    }
}

/// Redis, or the grant for it, may be mended until the record's last attempt.
fn later(error: redis::Error) -> Failure {
    Failure::Retry(format!("Redis: {error}"))
}
