//! Memory: what one more service costs a host that is there already.

use anyhow::Result;

use crate::candidate::Candidate;
use crate::hello;
use crate::load::HELLO;
use crate::sheet::{Key, Sheet, Target};
use crate::site::Site;
use crate::stats::slope;
use crate::world::{World, turn};

const NEVER: &str = "never called";
const ONCE: &str = "called once";

pub(super) async fn run(world: &World) -> Result<Sheet> {
    let counts: &[usize] = if world.options.check { &[1, 5] } else { &[1, 50, 100, 200] };
    let mut sheet = world.sheet("memory", "resident memory of a host with idle services, each a component of its own");
    for count in world.turns(counts) {
        turn(&format!("{count} services"));
        // What compiling left behind is no part of a service: the second start finds everything compiled.
        hello::host_site(world, Candidate::Reuse, count).await?.stop().await;
        let site = hello::host_site(world, Candidate::Reuse, count).await?;
        sheet.add(key(NEVER, count), resident(&site)?);
        for url in &site.urls {
            HELLO.check(&world.http, url).await?;
        }
        sheet.add(key(ONCE, count), resident(&site)?);
        site.stop().await;
    }
    for case in [NEVER, ONCE] {
        let slopes = slopes(&sheet, case, counts)?;
        sheet.find(&format!("memory of a further service, {case}"), "", "MiB", slopes, Some(Target::AtMost(5.0)));
    }
    Ok(sheet)
}

fn key(case: &str, count: usize) -> Key {
    Key::new("memory", "MiB", case, Candidate::Reuse.name()).at(count as f64)
}

fn resident(site: &Site) -> Result<f64> {
    site.servers.iter().map(|server| server.resident_mebibytes()).sum()
}

fn slopes(sheet: &Sheet, case: &str, counts: &[usize]) -> Result<Vec<f64>> {
    let columns = counts.iter().map(|count| Ok((*count as f64, sheet.samples(&key(case, *count))?)));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let rounds = 0..sheet.rounds;
    Ok(rounds
        .map(|round| slope(&columns.iter().map(|(x, samples)| (*x, samples[round])).collect::<Vec<_>>()))
        .collect())
}
