//! The real servers: started, killed, started again; one module per backend.

#![expect(clippy::unwrap_used, reason = "clippy lets tests unwrap, and not the functions they share")]

mod apache_kafka;
mod children;
mod embedded_kafka;
mod kafka_client;
mod mailbox;
mod postgres;
mod redis;
mod wait;
