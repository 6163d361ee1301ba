//! Carries faults out, and heals what they did.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, bail};
use fastrand::Rng;
use tokio::sync::Mutex;

use crate::backend::{self, Backend, Server};
use crate::fault::{Deck, Fault, Kind, Target};
use crate::host::{Host, Ports};
use crate::proxy::{Mode, Proxy};
use crate::world::World;

/// Between two faults of one injector, in milliseconds.
const REST: std::ops::Range<u64> = 100..1_500;
/// How long something is away or slow.
const PAUSE: std::ops::Range<u64> = 300..6_000;
const DELAY: std::ops::Range<u64> = 20..400;
/// How many mails are answered with 503.
const UNAVAILABLE: std::ops::Range<u32> = 1..20;
/// Loading compiled components again, or waiting for a backend that is away as well.
const SERVES_WITHIN: Duration = Duration::from_secs(90);
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Draws and carries out faults until the deadline. What is hit already is left for later.
///
/// # Errors
/// Something does not come back.
pub async fn run(world: &World, deck: &Mutex<Deck>, mut rng: Rng, deadline: Instant) -> Result<()> {
    while Instant::now() < deadline {
        tokio::time::sleep(millis(&mut rng, REST)).await;
        let Some(fault) = deck.lock().await.draw() else { bail!("no fault is possible") };
        let from = SystemTime::now();
        if inject(world, fault, &mut rng).await? {
            world.chronicle.fault(fault, from);
            world.chronicle.note(&format!("{fault}: over"));
        } else {
            world.chronicle.note(&format!("{fault}: left out, for its target is hit already"));
        }
    }
    Ok(())
}

async fn inject(world: &World, fault: Fault, rng: &mut Rng) -> Result<bool> {
    match fault.target {
        Target::Host => on_host(world, fault, rng).await,
        Target::Postgres => on_server(world, &world.postgres, fault, rng).await,
        Target::Redis => on_server(world, &world.redis, fault, rng).await,
        Target::Kafka => match world.kafka.apache() {
            Some(kafka) => on_server(world, kafka, fault, rng).await,
            None => Ok(false),
        },
        Target::Mailbox => Ok(on_mailbox(world, fault, rng).await),
    }
}

async fn on_server<S: Server>(world: &World, backend: &Backend<S>, fault: Fault, rng: &mut Rng) -> Result<bool> {
    let Ok(mut server) = backend.server.try_lock() else { return Ok(false) };
    let pause = millis(rng, PAUSE);
    world.chronicle.note(&format!("{fault}: for {pause:?}"));
    match fault.kind {
        Kind::Kill => server.kill().await,
        Kind::Stop => server.stop().await,
        Kind::Freeze => {
            if let Some(process) = server.process() {
                backend::freeze(process.id(), pause).await;
            }
            return Ok(true);
        }
        Kind::FullDisk => return fill(world, fault, backend, &mut *server, pause).await,
        kind => {
            on_proxy(&backend.proxy, kind, pause, rng).await;
            return Ok(true);
        }
    }
    world.logs.keep(fault.target);
    tokio::time::sleep(pause).await;
    backend::start(&mut *server).await?;
    Ok(true)
}

/// The watch starts it again where it ended over this later.
async fn fill<S: Server>(
    world: &World,
    fault: Fault,
    backend: &Backend<S>,
    server: &mut S,
    pause: Duration,
) -> Result<bool> {
    let Some(quota) = &backend.quota else { return Ok(false) };
    quota.fill()?;
    tokio::time::sleep(pause).await;
    quota.free()?;
    let ended = server.process().is_none_or(|process| process.ended().is_some());
    if ended {
        world.logs.keep(fault.target);
        backend::start(server).await?;
        world.chronicle.note(&format!("{fault}: the server had ended over it"));
    }
    Ok(true)
}

async fn on_proxy(proxy: &Proxy, kind: Kind, pause: Duration, rng: &mut Rng) {
    match kind {
        Kind::Refuse => proxy.set(Mode::Refuse),
        Kind::Delay => proxy.set(Mode::Delay(millis(rng, DELAY))),
        Kind::Stall => proxy.set(Mode::Stall),
        _ => return proxy.cut(),
    }
    tokio::time::sleep(pause).await;
    proxy.set(Mode::Pass);
}

async fn on_mailbox(world: &World, fault: Fault, rng: &mut Rng) -> bool {
    let Ok(_held) = world.mail_fault.try_lock() else { return false };
    let (pause, times) = (millis(rng, PAUSE), rng.u32(UNAVAILABLE));
    world.chronicle.note(&format!("{fault}: for {pause:?}, or {times} mails"));
    if fault.kind == Kind::Unavailable {
        world.mailbox.fail(::http::StatusCode::SERVICE_UNAVAILABLE, times);
    } else {
        on_proxy(&world.mail_proxy, fault.kind, pause, rng).await;
    }
    true
}

async fn on_host(world: &World, fault: Fault, rng: &mut Rng) -> Result<bool> {
    let Ok(mut host) = world.host.try_lock() else { return Ok(false) };
    let pause = millis(rng, PAUSE) / 2;
    if host.ended().is_some() {
        return Ok(false);
    }
    world.chronicle.note(&format!("{fault}: {} for {pause:?}", host.name));
    match fault.kind {
        Kind::Roll => return roll(world, &mut host, pause).await.map(|()| true),
        Kind::Freeze => {
            backend::freeze(host.id(), pause).await;
            return Ok(true);
        }
        Kind::Kill => host.kill().await,
        _ => stop(world, &mut host).await,
    }
    tokio::time::sleep(pause).await;
    *host = world.launcher.launch(host.ports)?;
    must_answer(world, &mut host).await;
    Ok(true)
}

/// The second one serves before the first one stops.
async fn roll(world: &World, host: &mut Host, pause: Duration) -> Result<()> {
    let mut next = world.launcher.launch(Ports::free()?)?;
    must_answer(world, &mut next).await;
    if !next.answers(&world.http, "/readyz", READY_WITHIN).await {
        world.chronicle.note(&format!("{} is not ready, for a backend is away as well", next.name));
    }
    world.move_to(next.ports);
    tokio::time::sleep(pause).await;
    std::mem::swap(host, &mut next);
    stop(world, &mut next).await;
    Ok(())
}

/// In order, and with 0.
pub async fn stop(world: &World, host: &mut Host) {
    if let Some(status) = host.ended() {
        return world.chronicle.wrong(format!("{} has ended by itself ({status})", host.name));
    }
    let began = Instant::now();
    match host.stop().await {
        Some(status) if status.success() => {
            world.chronicle.note(&format!("{} has stopped after {:?}", host.name, began.elapsed()));
        }
        Some(status) => world.chronicle.wrong(format!("{} was asked to stop, and ended with {status}", host.name)),
        None => {
            world.chronicle.wrong(format!("{} was asked to stop, and did not", host.name));
            host.kill().await;
        }
    }
}

/// A backend that is away is no reason not to serve.
pub async fn must_answer(world: &World, host: &mut Host) {
    let began = Instant::now();
    if host.answers(&world.http, "/healthz", SERVES_WITHIN).await {
        world.chronicle.note(&format!("{} serves after {:?}", host.name, began.elapsed()));
    } else {
        world.chronicle.wrong(format!("{} does not serve within {SERVES_WITHIN:?}", host.name));
    }
}

fn millis(rng: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range))
}
