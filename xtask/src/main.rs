//! `cargo xtask`: the chores of this repository.

mod backends;
mod bench;
mod book;
mod build;
mod cargo_component;
mod chaos;
mod child;
mod components;
mod compose;
mod deb;
mod environment;
mod host;
mod image;
mod installed;
mod journey;
mod kafka_jars;
mod packages;
mod ports;
mod probe;
mod profile;
mod project;
mod reference;
mod release;
mod setup;
mod stop;
mod task;
mod test;
mod tidy;
mod tools;
mod up;
mod welcome;

use std::process::ExitCode;

use clap::Parser;

use task::Arguments;

fn main() -> ExitCode {
    task::run(Arguments::parse()).unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}
