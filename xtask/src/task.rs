//! The chores by name, and what does each.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{
    bench, book, cargo_component, chaos, components, compose, deb, image, journey, profile, reference, release, setup,
    test, tidy, up,
};

/// The chores of this repository.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
pub struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build and start the whole store, with every backend that is not set in the environment; Ctrl-C ends it.
    Up,
    /// Run every test, against real servers that the tests start themselves.
    Test {
        /// For `cargo test`, after `--`: the name of a test, say.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Walk through the README and the book as a new user would: run their commands, compare the answers.
    Journey(journey::Arguments),
    /// Kill and hinder everything that the store runs on, under load, and account for every order.
    Chaos(chaos::Arguments),
    /// Measure the host against native services and `wasmtime serve`, and write `BENCHMARKS.md`.
    Bench(bench::Arguments),
    /// Build the host as it ships, into target/componentd: optimised for what `profile` has recorded.
    Release,
    /// Record what the host does under load, into host/componentd.profdata.
    Profile,
    /// Build the store's images, start them, and check what is promised of them.
    Compose(compose::Arguments),
    /// Build what the Dockerfile copies into its images.
    Image(image::Arguments),
    /// Build the host as a package for Debian, into target/deb/, and check it.
    Deb(deb::Arguments),
    /// Build the components into components/*.wasm.
    Components {
        /// With `cargo component` instead, into target/cargo-component/.
        #[arg(long)]
        cargo_component: bool,
    },
    /// Build the components that the tests need into target/guests/.
    Guests,
    /// Write docs/src/manifest.md anew, from the types that parse a manifest.
    Reference,
    /// Install what `up` and `test` need and this machine lacks.
    Setup,
    /// Check what the compiler does not: module docs, lengths, links.
    Tidy,
    /// Make the book of docs/, into target/book/.
    Book,
}

/// Does it.
pub fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.task {
        Task::Up => return up::run(),
        Task::Chaos(arguments) => return chaos::run(&arguments),
        Task::Bench(arguments) => return bench::run(&arguments),
        Task::Journey(arguments) => journey::run(&arguments)?,
        Task::Test { arguments } => test::run(&arguments)?,
        Task::Release => drop(release::run()?),
        Task::Deb(arguments) => deb::run(&arguments)?,
        Task::Profile => profile::run()?,
        Task::Compose(arguments) => compose::run(&arguments)?,
        Task::Image(arguments) => image::run(&arguments)?,
        Task::Components { cargo_component: false } => components::components()?,
        Task::Components { cargo_component: true } => cargo_component::build()?,
        Task::Guests => components::guests()?,
        Task::Reference => reference::run()?,
        Task::Setup => setup::everything()?,
        Task::Tidy => tidy::run()?,
        Task::Book => book::run()?,
    }
    Ok(ExitCode::SUCCESS)
}
