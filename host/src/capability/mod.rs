//! What components may ask the host for, one file per capability, all with the same skeleton: the connection to the server
//! (opened once), the `View` that one invocation has of it, and `add_to_linker`.
//!
//! Every grant is checked here, by the capability itself, at each call: deny by default.

pub mod away;
pub mod http_out;
pub mod kafka;
pub mod logging;
pub mod postgres;
pub mod redis;
pub mod redis_absence;
pub mod redis_rights;

use wasmtime::component::Linker;

use crate::config::Service;
use crate::state::State;

/// Offers every capability to components.
///
/// # Errors
/// Two of them claim the same interface.
pub fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    http_out::add_to_linker(linker)?;
    wasmtime_wasi_config::add_to_linker(linker, State::config)?;
    logging::add_to_linker(linker)?;
    postgres::add_to_linker(linker)?;
    redis::add_to_linker(linker)?;
    kafka::add_to_linker(linker)
}

/// An interface that a component may import only with a grant.
#[derive(Clone, Copy, Debug)]
pub struct Granted {
    /// The interface, without its version.
    pub interface: &'static str,
    /// A line of the manifest that would grant it, for the service's table.
    pub example: &'static str,
    is_granted: fn(&Service) -> bool,
}

/// All interfaces that need a grant. The others (clocks, random numbers, config, logging, WASI's own streams) reach nothing
/// outside the host; files and sockets are there for toolchains that import them, and every use of them is refused.
pub const GRANTED: [Granted; 4] = [
    Granted {
        interface: "componentd:postgres/client",
        example: "grants.postgres.<alias> = { database = \"…\" }",
        is_granted: |service| !service.grants.postgres.is_empty(),
    },
    Granted {
        interface: "componentd:redis/client",
        example: "grants.redis = { read = [\"…\"], write = [\"…\"] }",
        is_granted: |service| service.grants.redis.is_some(),
    },
    Granted {
        interface: "componentd:kafka/producer",
        example: "grants.kafka = { produce = [\"<topic>\"] }",
        is_granted: |service| service.grants.kafka.is_some(),
    },
    Granted {
        interface: "wasi:http/outgoing-handler",
        example: "grants.http = [{ origin = \"https://…\" }]",
        is_granted: |service| !service.grants.http.is_empty(),
    },
];

/// The interfaces among these imports that need a grant.
pub fn needed(imports: &[String]) -> Vec<Granted> {
    let imported = |granted: &Granted| imports.iter().any(|import| interface_of(import) == granted.interface);
    GRANTED.into_iter().filter(imported).collect()
}

/// The interfaces among these imports that `service` lacks the grant for.
pub fn missing(imports: &[String], service: &Service) -> Vec<Granted> {
    needed(imports).into_iter().filter(|granted| !(granted.is_granted)(service)).collect()
}

/// The name of an import or export without its version.
pub fn interface_of(name: &str) -> &str {
    name.split_once('@').map_or(name, |(interface, _)| interface)
}
