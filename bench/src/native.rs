//! The native services: `bench/native`.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::callgrind::Callgrind;
use crate::server::Server;
use crate::world::World;

const READY_WITHIN: Duration = Duration::from_secs(120);

/// `native <service>`, which may not be ready yet.
///
/// # Errors
/// It is not built.
pub fn start(world: &World, service: &str, arguments: &[&str], under: Option<&Callgrind>) -> Result<Server> {
    let program = world.native()?;
    let mut command = under.map_or_else(|| Command::new(&program), |callgrind| callgrind.command(&program));
    command.arg(service).args(arguments);
    Server::start(command, &world.out.join(format!("native-{service}.log")))
}

/// `native <service>`, which has said that it is ready.
///
/// # Errors
/// It does not start.
pub async fn ready(world: &World, service: &str, arguments: &[&str], under: Option<&Callgrind>) -> Result<Server> {
    let mut server = start(world, service, arguments, under)?;
    server.ready(READY_WITHIN, async |log| log.lines().any(|line| line == "ready")).await?;
    Ok(server)
}
