//! What calls services: the triggers that this host has, each in a folder of its own.

mod authority;
pub mod http;
pub mod kafka;
pub mod listener;
pub mod peers;
pub mod problem;
mod prompt;

use std::sync::Arc;

use componentd_core::trigger::{Trigger, Triggers};

/// All of them. Another one is another line here.
pub fn triggers() -> Triggers {
    let all: [Arc<dyn Trigger>; 2] = [Arc::new(http::Http), Arc::new(kafka::Kafka)];
    Triggers::new(all)
}
