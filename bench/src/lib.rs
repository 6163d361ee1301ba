//! Measures the host against native services and `wasmtime serve`, all on loopback, in turn, in several rounds.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`scenarios`] | what is measured: one file each, or one for those that are alike |
//! | [`candidate`], [`site`] | who is measured, and its servers: [`componentd`], [`native`], [`wasmtime_serve`] |
//! | [`backends`], [`kafka`], [`mailbox`] | what the servers need: the same for all, and as new for each sample |
//! | [`wrk`], [`oha`], [`callgrind`] | the instruments: throughput, latency at a rate, instructions |
//! | [`sheet`], [`stats`], [`machine`] | the samples, and what becomes of them in `bench/results/` |
//! | [`report`] | the table and the plots of `BENCHMARKS.md`, from `bench/results/` |
//!
//! A sample begins with new server processes and ends with them, so that candidates cannot disturb each other. An answer
//! is checked before each load, and a single failed request ends the run: there are no figures of failures.

pub mod backends;
pub mod callgrind;
pub mod candidate;
pub mod componentd;
pub mod components;
pub mod hello;
pub mod http;
pub mod kafka;
pub mod load;
pub mod machine;
pub mod mailbox;
pub mod names;
pub mod native;
pub mod oha;
pub mod options;
pub mod ports;
pub mod report;
mod repository;
mod run;
pub mod saturate;
pub mod scenarios;
pub mod server;
pub mod sheet;
pub mod site;
pub mod stats;
pub mod store;
pub mod tool;
pub mod wasmtime_serve;
pub mod world;
pub mod wrk;

pub use options::Options;
pub use run::run;
