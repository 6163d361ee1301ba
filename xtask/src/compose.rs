//! `cargo xtask compose`: the store in containers, built, started and checked as its documents promise.

mod checks;
mod clone;
mod curl;
mod documented;
mod engine;
mod images;
mod load;
mod plugins;
mod store;

use std::time::Instant;

use anyhow::Result;

use crate::packages::{self, CURL};
use crate::project::{step, target};
use crate::stop::Stop;
use clone::Clone;
use engine::Engine;
use store::Store;

/// How it is built.
#[derive(clap::Args)]
pub struct Arguments {
    /// Build the host as it ships, which takes several times as long.
    #[arg(long)]
    release: bool,
}

/// Prepares what is missing, and runs every check; whatever was started ends, and whatever was made is removed but what
/// a next run takes from `target/compose/`.
pub fn run(arguments: &Arguments) -> Result<()> {
    let stop = Stop::catch()?;
    packages::ensure(&[CURL])?;
    let mut engine = Engine::reach_or_start(&target().join("compose"), &stop)?;
    let result = check(&mut engine, arguments, &stop);
    engine.end();
    result
}

fn check(engine: &mut Engine, arguments: &Arguments, stop: &Stop) -> Result<()> {
    plugins::ensure(engine)?;
    let standins = images::ensure(engine)?;
    let clones = target().join("compose/clones");
    let store = Store::new(engine, Clone::make(&clones.join("one"))?, stop, arguments.release)?;
    let other = Clone::make(&clones.join("two"))?;
    let result = run_checks(&store, &other);
    if result.is_err() {
        store.show_logs();
    }
    store.remove();
    images::remove_standins(engine, &standins);
    result
}

fn run_checks(store: &Store, other: &Clone) -> Result<()> {
    let begun = Instant::now();
    for (promise, holds) in checks::ALL {
        holds(store, other).map_err(|error| error.context(format!("it does not hold that {promise}")))?;
        step(&format!("{:4} s  {promise}", begun.elapsed().as_secs()));
    }
    println!("{} passed, 0 failed", checks::ALL.len());
    Ok(())
}
