//! The host as its users see it: over HTTP, Kafka, Postgres and Redis, and as a process. One module a behaviour.

mod sandbox;
mod store;
mod support;
