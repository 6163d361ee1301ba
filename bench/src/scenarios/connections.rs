//! Connections: whether a load costs more when it comes over many of them.

use anyhow::Result;

use super::throughput;
use crate::candidate::Candidate;
use crate::hello;
use crate::load::HELLO;
use crate::saturate::saturate;
use crate::sheet::{Sheet, Target};
use crate::stats::unevenness;
use crate::world::{World, turn};
use crate::wrk::Wrk;

pub(super) async fn run(world: &World) -> Result<Sheet> {
    let counts: &[usize] = if world.options.check { &[1, 1000] } else { &[1, 2, 8, 64, 256, 1000] };
    let mut sheet = world.sheet("connections", "requests a second of hello over so many connections");
    for candidate in world.turns(&Candidate::STORE) {
        let site = hello::site(world, candidate).await?;
        for count in counts {
            turn(&format!("{}, {count} connections", candidate.name()));
            let key = throughput("hello", candidate).at(*count as f64);
            saturate(world, &site, &HELLO, &Wrk::new(*count, world.options.seconds())).await?.note(&mut sheet, key);
        }
        site.stop().await;
    }
    let lines = [
        (Candidate::Reuse, "reused instance", Some(Target::AtMost(0.10))),
        (Candidate::Fresh, "fresh instance", Some(Target::AtMost(0.10))),
        (Candidate::Native, "bare hyper", None),
    ];
    for (candidate, how, target) in lines {
        let flat = (0..sheet.rounds).map(|round| flatness(&sheet, candidate, counts, round)).collect::<Result<_>>()?;
        sheet.find(&format!("throughput over 1 to 1,000 connections, {how}"), "a flat line", "±", flat, target);
    }
    Ok(sheet)
}

fn flatness(sheet: &Sheet, candidate: Candidate, counts: &[usize], round: usize) -> Result<f64> {
    let value = |count: &usize| Ok(sheet.samples(&throughput("hello", candidate).at(*count as f64))?[round]);
    Ok(unevenness(&counts.iter().map(value).collect::<Result<Vec<_>>>()?))
}
