//! Every backend of componentd, served on loopback by one process: for a machine that has none, and for the tests.
//!
//! No part of the host, which is only ever a client of real protocols. Linux only: it relies on `/proc` and on the
//! signal that a child gets when its parent dies.
//!
//! | module | what it serves | after a restart |
//! | --- | --- | --- |
//! | [`postgres`] | the distribution's Postgres, as a child process | its data is still there |
//! | [`redis`] | the distribution's Redis, as a child process | its data is still there |
//! | [`embedded_kafka`] | librdkafka's own broker, in this process | empty: it keeps its log in memory |
//! | [`apache_kafka`] | Apache Kafka on the JVM, as a child process | its data is still there |
//! | [`mailbox`] | an HTTP server that answers as SendGrid does and shows the mails | empty |
//!
//! [`kafka`] is one of the two. [`backends`] starts a set of them. The rest is what they share: [`process`] and [`spawner`] run a child that cannot
//! outlive us, [`folder`] and [`account`] give it a data folder and a user that is not root.

pub mod account;
pub mod apache_kafka;
pub mod backends;
mod child_log;
pub mod embedded_kafka;
pub mod error;
pub mod folder;
pub mod kafka;
pub mod kafka_jars;
mod kafka_properties;
pub mod mailbox;
mod port;
pub mod postgres;
mod postgres_cluster;
mod postgres_databases;
pub mod process;
mod programs;
mod ready;
pub mod redis;
pub mod scratch;
mod secret;
pub mod spawner;
pub mod topics;
mod unread;

pub use apache_kafka::ApacheKafka;
pub use backends::{Backend, Backends, Options};
pub use embedded_kafka::EmbeddedKafka;
pub use error::{Error, Result};
pub use kafka::Kafka;
pub use kafka_properties::Proxied;
pub use mailbox::Mailbox;
pub use postgres::Postgres;
pub use redis::Redis;
pub use scratch::Scratch;

/// The databases of the store: `init.sql` at the root of the repository.
pub const INIT_SQL: &str = include_str!("../../init.sql");
