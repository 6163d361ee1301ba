//! What calls services: listeners and consumers.

mod authority;
mod cors;
pub mod http;
pub mod kafka;
pub mod listener;
pub mod problem;
mod prompt;
pub mod received;
pub mod record;
mod wanted;
