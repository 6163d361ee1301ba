//! Schedules: what a component is told that runs at certain times.

pub use crate::wit::cron_service::exports::componentd::cron::handler::Occurrence;
