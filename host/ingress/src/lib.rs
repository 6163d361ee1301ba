//! What calls services: the triggers that this host has, each in a folder of its own.

#![warn(missing_docs, unreachable_pub)]

mod authority;
mod bodies;
pub mod bounds;
mod connections;
pub mod cron;
pub mod http;
pub mod kafka;
pub mod listener;
mod none;
pub mod peers;
pub mod problem;
mod pulse;
pub mod request_id;
mod spare;
mod stream;
mod streams;

use std::sync::Arc;

use componentd_core::trigger::{Trigger, Triggers};

use self::cron::Clock;

/// All of them; schedules go by this clock. Another one is another line here.
pub fn triggers(clock: Clock) -> Triggers {
    let all: [Arc<dyn Trigger>; 4] =
        [Arc::new(http::Http), Arc::new(kafka::Kafka), Arc::new(cron::Cron::new(clock)), Arc::new(none::Nothing)];
    Triggers::new(all)
}
