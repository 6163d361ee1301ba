//! Sites that answer hello.

use anyhow::Result;

use crate::callgrind::Callgrind;
use crate::candidate::Candidate;
use crate::componentd::{Host, LIMITS, http_services};
use crate::site::Site;
use crate::world::World;
use crate::{components, native, ports, wasmtime_serve};

/// One service of this candidate.
///
/// # Errors
/// It is not built, or does not start.
pub async fn site(world: &World, candidate: Candidate) -> Result<Site> {
    match candidate {
        Candidate::Native => native_site(world, None).await,
        Candidate::Reuse | Candidate::Fresh => host_site(world, candidate, 1).await,
        _ => wasmtime_serve::site(world, candidate, &world.component("target/guests/hello.wasm")?).await,
    }
}

/// Bare hyper, run by another program if need be.
///
/// # Errors
/// It is not built, or does not start.
pub async fn native_site(world: &World, under: Option<&Callgrind>) -> Result<Site> {
    let port = ports::free()?;
    let server = native::ready(world, "hello", &["--listen", &format!("127.0.0.1:{port}")], under).await?;
    Ok(Site::new(server, vec![ports::url(port)]))
}

/// The host with so many services, each a build of its own.
///
/// # Errors
/// It is not built, or does not start.
pub async fn host_site(world: &World, candidate: Candidate, count: usize) -> Result<Site> {
    let (host, ports) = host(world, candidate, count, LIMITS)?;
    host.site(world, &ports).await
}

/// The host with one service and little address space, run by another program.
///
/// # Errors
/// It is not built, or does not start.
pub async fn small_host_site(world: &World, candidate: Candidate, under: Option<&Callgrind>) -> Result<Site> {
    let (host, ports) = host(world, candidate, 1, "")?;
    let host = Host { name: format!("{}-small", host.name), under: under.cloned(), ..host.small() };
    host.site(world, &ports).await
}

/// The same, not yet started, and where its services will listen.
///
/// # Errors
/// Hello is not built.
pub fn host(world: &World, candidate: Candidate, count: usize, limits: &str) -> Result<(Host, Vec<u16>)> {
    let (ports, components) = (ports::several(count)?, components::hellos(world, count)?);
    let services = http_services(candidate, &components, &ports, limits);
    Ok((Host::new(&format!("hello-{}-{count}", candidate.isolation()), &services)?, ports))
}
