//! A noisy neighbour: whether a service notices that another one of the same host spins with every request.

use anyhow::{Context, Result, bail};
use tokio::task::JoinSet;

use super::whole;
use crate::candidate::Candidate;
use crate::componentd::{Host, LIMITS, http_services};
use crate::http::Http;
use crate::load::HELLO;
use crate::saturate::{CONNECTIONS, saturate};
use crate::sheet::{Key, Sheet, Target};
use crate::site::Site;
use crate::world::{World, turn};
use crate::wrk::Wrk;
use crate::{components, oha, ports};

/// Enough to fill two processors eight times over.
const SPINNING: usize = 16;
/// Each spins for as long as it may, and is asked for again.
const SPIN_LIMITS: &str = "limits = { cpu = \"20s\", timeout = \"20s\" }\n";
const WARM_UP_SECONDS: u64 = 1;
/// The latency is that of a service which has time to spare: beside others it may have half of the machine.
const SHARE_OF_SATURATION: f64 = 0.25;

pub(super) async fn run(world: &World) -> Result<Sheet> {
    let about =
        format!("hello while {SPINNING} requests of another service spin; its latency at a quarter of saturation");
    let mut sheet = world.sheet("neighbour", &about);
    let wrk = Wrk::new(CONNECTIONS, world.options.seconds());
    let mut rate = None;
    for is_noisy in world.turns(&[false, true]) {
        turn(case(is_noisy));
        let (host, ports) = host(world)?;
        let site = host.site(world, &ports[..1]).await?;
        let spinning = if is_noisy { spin(world, ports[1]) } else { JoinSet::new() };
        let saturation = saturate(world, &site, &HELLO, &wrk).await?;
        sheet.add(key("throughput", "requests/s", is_noisy), saturation.rate);
        // The first turn is without neighbours.
        let rate = *rate.get_or_insert_with(|| whole(saturation.rate * SHARE_OF_SATURATION));
        let latency = latency(world, &site, rate).await?;
        sheet.add(key("p50", "ms", is_noisy), latency.p50);
        sheet.add(key("p99", "ms", is_noisy), latency.p99);
        none_ended(spinning)?;
        site.stop().await;
    }
    for (measure, unit, target) in
        [("throughput", "requests/s", Target::AtLeast(0.5)), ("p99", "ms", Target::AtMost(3.0))]
    {
        let ratios = sheet.ratios(&key(measure, unit, true), &key(measure, unit, false))?;
        sheet.find(
            &format!("{measure} of hello beside {SPINNING} spinning requests"),
            "alone",
            "",
            ratios,
            Some(target),
        );
    }
    Ok(sheet)
}

fn case(is_noisy: bool) -> &'static str {
    if is_noisy { "beside spinning" } else { "alone" }
}

fn key(measure: &str, unit: &str, is_noisy: bool) -> Key {
    Key::new(measure, unit, case(is_noisy), Candidate::Reuse.name())
}

/// Hello, which is measured, and a guest that spins.
fn host(world: &World) -> Result<(Host, Vec<u16>)> {
    let ports = ports::several(2)?;
    let hello = http_services(Candidate::Reuse, &components::hellos(world, 1)?, &ports[..1], LIMITS);
    let misbehave = world.component("target/guests/misbehave.wasm")?;
    let spinning = format!(
        "[services.spinning]\ncomponent = \"{}\"\nhttp = {{ listen = \"127.0.0.1:{}\" }}\n{SPIN_LIMITS}",
        misbehave.display(),
        ports[1]
    );
    Ok((Host::new("neighbour", &format!("{hello}\n{spinning}"))?, ports))
}

/// Requests that spin, one after the other in each place, until this is dropped.
fn spin(world: &World, port: u16) -> JoinSet<Result<()>> {
    let url = format!("{}/spin", ports::url(port));
    (0..SPINNING).map(|_| again_and_again(world.http.clone(), url.clone())).collect()
}

/// Ends only with an error.
async fn again_and_again(http: Http, url: String) -> Result<()> {
    loop {
        let reply = http.get(&url).await?;
        // Its end by a limit is what is expected of it.
        if !matches!(reply.status, 500 | 504) {
            bail!("a request to spin was answered with {}", reply.status);
        }
    }
}

async fn latency(world: &World, site: &Site, rate: u64) -> Result<oha::Latency> {
    let tools = world.tools();
    oha::run(&tools, site.url(), rate, WARM_UP_SECONDS).await?;
    oha::run(&tools, site.url(), rate, world.options.seconds()).await
}

/// None may have ended: the service would have been alone from then on.
fn none_ended(mut spinning: JoinSet<Result<()>>) -> Result<()> {
    match spinning.try_join_next() {
        Some(ended) => ended.context("a task of the benchmark was ended")?,
        None => Ok(()),
    }
}
