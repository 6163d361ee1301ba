//! Looks on while a run is going on: at mails, at offsets, and at processes that end though nobody ended them.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Error, Result};

use crate::backend::{self, Backend, Server};
use crate::inject::must_answer;
use crate::seen::Seen;
use crate::world::World;

const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Looks until something fails that a run cannot do without.
pub async fn run(world: &World, seen: &Seen) -> Error {
    let watched = async { tokio::try_join!(host(world), servers(world)) };
    tokio::select! {
        () = seen.mails.watch(&world.mailbox) => Error::msg("nobody looks at the mailbox any more"),
        () = seen.samples.watch(&world.urls.kafka) => Error::msg("nobody looks at the offsets any more"),
        failed = watched => match failed {
            Err(error) => error,
        },
    }
}

/// It never ends by itself; if it does, that is kept, and the run goes on with another one.
async fn host(world: &World) -> Result<Infallible> {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Ok(mut host) = world.host.try_lock() else { continue };
        if let Some(status) = host.ended() {
            world.chronicle.wrong(format!("{} has ended by itself ({status})", host.name));
            *host = world.launcher.launch(host.ports)?;
            must_answer(world, &mut host).await;
        }
    }
}

async fn servers(world: &World) -> Result<Infallible> {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        server(world, "Postgres", &world.postgres).await?;
        server(world, "Redis", &world.redis).await?;
        if let Some(kafka) = world.kafka.apache() {
            server(world, "Kafka", kafka).await?;
        }
    }
}

/// A server that ends by itself is no fault of the host, and one more fault for it.
async fn server<S: Server>(world: &World, name: &str, backend: &Backend<S>) -> Result<()> {
    let Ok(mut server) = backend.server.try_lock() else { return Ok(()) };
    if backend::start_if_ended(&mut *server).await? {
        world.chronicle.note(&format!("{name} had ended by itself, and was started again"));
    }
    Ok(())
}
