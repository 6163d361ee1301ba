//! The chaos suite: everything that the store runs on is killed, cut off, frozen and filled up under a steady load, in an
//! order that a seed decides; then it is healed, and every order, event, mail, customer and offset is accounted for.
//!
//! The servers are real and are child processes; the host is its own binary. The life of a run:
//!
//! | module | what it does |
//! | --- | --- |
//! | [`stage`] | finds the binary, the manifest and the components, and sets a copy aside, so that a build disturbs nothing |
//! | [`world`] | starts the servers, the [`proxy`] before each, the [`quota`] of each disk, and the [`host`] |
//! | [`load`] | customers: [`intent`]s, tried again as good clients do, every attempt kept in the [`journal`] |
//! | [`inject`] | draws [`fault`]s and carries them out; the [`chronicle`] says when |
//! | [`settle`] | waits until nothing is on its way any more |
//! | [`account`] | compares what was promised with what is there: the [`ledger`] |
//!
//! What is not injected: a power cut (a killed server leaves what it wrote in the kernel's memory, so a missing `fsync`
//! goes unnoticed); the loss of one broker of several (there is one); a full disk for Kafka (its memory-mapped indexes then
//! end the JVM, as the kill does); clocks that jump. Without root, or where the kernel does not let us mount, there is no
//! disk quota; without the jars of Apache Kafka, the embedded broker stands in, and is left alone. Both are said loudly.

pub mod account;
pub mod backend;
pub mod chronicle;
pub mod fault;
pub mod host;
pub mod http;
pub mod inject;
pub mod intent;
pub mod journal;
pub mod kafka;
pub mod ledger;
pub mod load;
pub mod logs;
pub mod mails;
pub mod metrics;
pub mod offsets;
pub mod options;
pub mod ports;
pub mod proxy;
pub mod quota;
pub mod run;
pub mod seen;
pub mod settle;
pub mod stage;
pub mod topic;
pub mod watch;
pub mod world;

pub use options::Options;
pub use run::run;
