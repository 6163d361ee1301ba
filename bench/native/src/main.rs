//! The store's services as plain native programs: what the host is measured against.

mod client;
mod columns;
mod database;
mod hello;
mod http;
mod idempotency;
mod json;
mod kafka;
mod lanes;
mod mail;
mod notifications;
mod order;
mod orders;
mod outbox;
mod password;
mod problem;
mod redis;
mod response;
mod signup;
mod store;
mod users;

use clap::Parser;

/// The host uses the same.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs one service; prints `ready` when it can be called.
#[derive(Parser)]
enum Service {
    /// Answers every request with `Hello, world!`
    Hello(hello::Settings),
    /// `POST /signup`
    Users(users::Settings),
    /// `POST /order`, and the relay of its events
    Orders(orders::Settings),
    /// `GET /products`, `GET /products/{id}`, `POST /checkout`
    Store(store::Settings),
    /// Mails a confirmation of each order
    Notifications(notifications::Settings),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Service::parse() {
        Service::Hello(settings) => hello::run(settings).await,
        Service::Users(settings) => users::run(settings).await,
        Service::Orders(settings) => orders::run(settings).await,
        Service::Store(settings) => store::run(settings).await,
        Service::Notifications(settings) => notifications::run(settings).await,
    }
}
