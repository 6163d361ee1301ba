//! The host as its users see it: over HTTP, Kafka, Postgres and Redis, and as a process. One module a behaviour.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report, also in a function that tests share")]

mod admin;
mod capabilities;
mod commands;
mod cors;
mod cut_requests;
mod cut_responses;
mod dead_letters;
mod edits;
mod environment_file;
mod failures;
mod graceful_stop;
mod host_header;
mod http_codes;
mod http_ingress;
mod http_out;
mod idempotency;
mod init;
mod internal;
mod isolation;
mod kafka_ingress;
mod kafka_outage;
mod logs;
mod lost_records;
mod malformed;
mod manifest;
mod messages;
mod migrations;
mod notifications;
mod outbox;
mod process;
mod redis;
mod remote;
mod representations;
mod sandbox;
mod schema;
mod shop;
mod sql_errors;
mod sql_properties;
mod sql_values;
mod store;
mod support;
mod swap;
mod transactions;
mod worlds;
