//! What is measured.

mod connections;
mod hello;
mod instructions;
mod latency;
mod memory;
mod neighbour;
mod notifications;
mod services;
mod start;
mod store;
mod swap;

use anyhow::{Result, bail};

use crate::candidate::Candidate;
use crate::sheet::{Key, Sheet};
use crate::world::World;

/// Measures one of [`crate::names::NAMES`].
///
/// # Errors
/// Something does not start, or answered wrongly.
pub async fn run(name: &str, world: &World) -> Result<Sheet> {
    match name {
        "hello" => hello::run(world).await,
        "notifications" => notifications::run(world).await,
        "latency" => latency::run(world).await,
        "swap" => swap::run(world).await,
        "neighbour" => neighbour::run(world).await,
        "memory" => memory::run(world).await,
        "start" => start::run(world).await,
        "services" => services::run(world).await,
        "connections" => connections::run(world).await,
        "instructions" => instructions::hello(world).await,
        "instructions-product" => instructions::product(world).await,
        name => match store::CASES.iter().find(|case| case.name == name) {
            Some(case) => store::run(world, case).await,
            None => bail!("there is no scenario {name}"),
        },
    }
}

/// Requests a second.
fn throughput(case: &str, candidate: Candidate) -> Key {
    Key::new("throughput", "requests/s", case, candidate.name())
}

/// A rate for oha.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is positive and small")]
fn whole(rate: f64) -> u64 {
    rate.round().max(1.0) as u64
}
