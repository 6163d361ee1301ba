//! Hello: what a host costs when the component does nothing.

use anyhow::Result;

use super::throughput;
use crate::candidate::Candidate;
use crate::hello;
use crate::load::HELLO;
use crate::saturate::{CONNECTIONS, saturate};
use crate::sheet::{Sheet, Target};
use crate::world::{World, turn};
use crate::wrk::Wrk;

/// Of, to, what they are called in the table, and what is aimed at.
const RATIOS: &[(Candidate, Candidate, &str, &str, Option<Target>)] = &[
    (Candidate::Reuse, Candidate::Native, "hello, reused instance", "bare hyper", Some(Target::AtLeast(0.60))),
    (Candidate::Fresh, Candidate::Native, "hello, fresh instance", "bare hyper", Some(Target::AtLeast(0.33))),
    (Candidate::Fresh, Candidate::Serve, "hello, fresh instance", "wasmtime serve", Some(Target::AtLeast(4.0))),
    (Candidate::Fresh, Candidate::ServeTuned, "hello, fresh instance", "wasmtime serve, tuned", None),
    (Candidate::Reuse, Candidate::ServeTunedReuse, "hello, reused instance", "wasmtime serve, tuned, reusing", None),
];

pub(super) async fn run(world: &World) -> Result<Sheet> {
    let mut sheet = world.sheet("hello", "requests a second of `Hello, world!`, over 32 connections");
    for candidate in world.turns(&Candidate::ALL) {
        turn(candidate.name());
        let site = hello::site(world, candidate).await?;
        let wrk = Wrk::new(CONNECTIONS, world.options.seconds());
        saturate(world, &site, &HELLO, &wrk).await?.note(&mut sheet, throughput("hello", candidate));
        site.stop().await;
    }
    for (of, to, what, against, target) in RATIOS {
        let ratios = sheet.ratios(&throughput("hello", *of), &throughput("hello", *to))?;
        sheet.find(what, against, "", ratios, *target);
    }
    Ok(sheet)
}
