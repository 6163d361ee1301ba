//! Swaps: whether a service notices that another one of the same host gets a new version every second.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{MissedTickBehavior, interval};

use crate::candidate::Candidate;
use crate::componentd::{ADMIN_TOKEN, Host, LIMITS, http_services};
use crate::load::HELLO;
use crate::saturate::{CONNECTIONS, saturate};
use crate::sheet::{Key, Sheet, Target};
use crate::site::Site;
use crate::world::{World, turn};
use crate::wrk::Wrk;
use crate::{components, oha, ports};

const EVERY: Duration = Duration::from_secs(1);
const WARM_UP_SECONDS: u64 = 1;

pub(super) async fn run(world: &World) -> Result<Sheet> {
    let mut sheet = world.sheet("swap", "latency of hello at half of its saturation, while another service is swapped");
    let rate = half_of_saturation(world).await?;
    let mut versions = 0;
    for swaps in world.turns(&[false, true]) {
        turn(case(swaps));
        let (host, ports) = host(world)?;
        host.forget(world);
        let site = host.site(world, &ports).await?;
        HELLO.check(&world.http, site.url()).await?;
        let latency = measure(world, &host, &site, rate, swaps.then_some(&mut versions)).await?;
        sheet.add(key("p50", swaps), latency.p50);
        sheet.add(key("p99", swaps), latency.p99);
        site.stop().await;
    }
    let ratios = sheet.ratios(&key("p99", true), &key("p99", false))?;
    sheet.find("p99 of hello with a swap a second", "without", "", ratios, Some(Target::AtMost(1.5)));
    Ok(sheet)
}

fn case(swaps: bool) -> &'static str {
    if swaps { "with swaps" } else { "without swaps" }
}

fn key(measure: &str, swaps: bool) -> Key {
    Key::new(measure, "ms", case(swaps), Candidate::Reuse.name())
}

/// Hello, which is measured, and the versioned guest, which is swapped.
fn host(world: &World) -> Result<(Host, Vec<u16>)> {
    let mut files = components::hellos(world, 1)?;
    let swapped = world.out.join("components/versioned.wasm");
    std::fs::write(&swapped, components::versioned(world, 0)?).context("cannot write a component")?;
    files.push(swapped);
    let ports = ports::several(files.len())?;
    let services = http_services(Candidate::Reuse, &files, &ports, LIMITS);
    Ok((Host::new("swap", &services)?, ports[..1].to_vec()))
}

async fn half_of_saturation(world: &World) -> Result<u64> {
    turn("saturation");
    let (host, ports) = host(world)?;
    let site = host.site(world, &ports).await?;
    let saturation = saturate(world, &site, &HELLO, &Wrk::new(CONNECTIONS, world.options.seconds())).await?;
    site.stop().await;
    Ok(super::whole(saturation.rate / 2.0))
}

async fn measure(
    world: &World,
    host: &Host,
    site: &Site,
    rate: u64,
    versions: Option<&mut usize>,
) -> Result<oha::Latency> {
    let (tools, seconds) = (world.tools(), world.options.seconds());
    oha::run(&tools, site.url(), rate, WARM_UP_SECONDS).await?;
    let load = oha::run(&tools, site.url(), rate, seconds);
    let Some(versions) = versions else { return load.await };
    tokio::select! {
        latency = load => latency,
        failed = swap(world, host, versions) => failed.map(|never| match never {}),
    }
}

/// Uploads a version that the host has never seen, every second.
async fn swap(world: &World, host: &Host, versions: &mut usize) -> Result<std::convert::Infallible> {
    let url = format!("{}/services/hello-001/versions", ports::url(host.admin));
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        *versions += 1;
        let version = components::versioned(world, *versions)?;
        world.http.upload(&url, ADMIN_TOKEN, version).await?.expect(200).context("a swap was refused")?;
    }
}
