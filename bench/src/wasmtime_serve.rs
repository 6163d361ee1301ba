//! `wasmtime serve`, of the version that the host is built with.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::candidate::Candidate;
use crate::ports;
use crate::server::Server;
use crate::site::Site;
use crate::world::World;

const READY_WITHIN: Duration = Duration::from_secs(60);

/// Rust's standard library imports `wasi:cli`, which has to be asked for.
const NEEDED: &[&str] = &["-S", "cli=y"];
/// What `wasmtime serve -O help` offers for instances that come and go: memories, tables and stacks of a slot stay resident
/// for the next one, and only what was written is reset.
const TUNED: &[&str] = &[
    "-O",
    "pooling-allocator=y",
    "-O",
    "pooling-memory-keep-resident=1048576",
    "-O",
    "pooling-table-keep-resident=65536",
    "-O",
    "pooling-async-stack-keep-resident=65536",
    "-O",
    "pooling-pagemap-scan=yes",
    "-O",
    "pooling-decommit-batch-size=16",
];
/// As many as the host's `limits.reuse` by default.
const REUSE: &[&str] = &["--max-instance-reuse-count", "1000"];

/// Serves a component on loopback.
///
/// # Errors
/// The tool is missing, or does not serve.
pub async fn site(world: &World, candidate: Candidate, component: &Path) -> Result<Site> {
    let port = ports::free()?;
    let mut command = Command::new(world.tools().join("wasmtime"));
    command.args(["serve", "--addr", &format!("127.0.0.1:{port}")]).args(NEEDED);
    if candidate != Candidate::Serve {
        command.args(TUNED);
    }
    if candidate == Candidate::ServeTunedReuse {
        command.args(REUSE);
    }
    command.arg(component);
    let mut server = Server::start(command, &world.out.join(candidate.slug()).with_extension("log"))?;
    server.ready(READY_WITHIN, async |log| log.contains("Serving HTTP on")).await?;
    Ok(Site::new(server, vec![ports::url(port)]))
}
