//! Services: whether a load costs more when it is spread over many services of one host.

use anyhow::{Context, Result};

use super::throughput;
use crate::candidate::Candidate;
use crate::hello;
use crate::load::HELLO;
use crate::saturate::saturate;
use crate::sheet::{Sheet, Target};
use crate::site::Site;
use crate::stats::unevenness;
use crate::world::{World, turn};
use crate::wrk::Wrk;

pub(super) async fn run(world: &World) -> Result<Sheet> {
    let counts: &[usize] = if world.options.check { &[1, 5] } else { &[1, 10, 50, 200] };
    let most = *counts.last().context("there are counts")?;
    let mut sheet =
        world.sheet("services", "requests a second of hello, the same 200 connections spread over services");
    for candidate in Candidate::HOST {
        for count in world.turns(counts) {
            turn(&format!("{}, {count} services", candidate.name()));
            let site = hello::host_site(world, candidate, count).await?;
            let wrk = spread(world, &site, most)?;
            let key = throughput("hello", candidate).at(count as f64);
            saturate(world, &site, &HELLO, &wrk).await?.note(&mut sheet, key);
            site.stop().await;
        }
        let flat = (0..sheet.rounds).map(|round| flatness(&sheet, candidate, counts, round)).collect::<Result<_>>()?;
        let how = if candidate == Candidate::Reuse { "reused instance" } else { "fresh instance" };
        sheet.find(
            &format!("throughput over 1 to {most} services, {how}"),
            "a flat line",
            "±",
            flat,
            Some(Target::AtMost(0.10)),
        );
    }
    Ok(sheet)
}

/// A thread of wrk goes to one port. The same threads for any number of services, each with one connection.
fn spread(world: &World, site: &Site, threads: usize) -> Result<Wrk> {
    let port =
        |url: &String| url.rsplit(':').next().and_then(|port| port.parse().ok()).context("a URL of ours has a port");
    let ports = site.urls.iter().map(port).collect::<Result<_>>()?;
    Ok(Wrk { threads, connections: threads, seconds: world.options.seconds(), ports })
}

fn flatness(sheet: &Sheet, candidate: Candidate, counts: &[usize], round: usize) -> Result<f64> {
    let value = |count: &usize| Ok(sheet.samples(&throughput("hello", candidate).at(*count as f64))?[round]);
    Ok(unevenness(&counts.iter().map(value).collect::<Result<Vec<_>>>()?))
}
