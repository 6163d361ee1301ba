//! Floods through what components are granted, and through what comes to them.

mod http;
mod kafka;
mod log;
mod outbox;
mod random;
mod redis;
