//! Latency at fixed rates: what a customer waits, below saturation and near it.

use anyhow::Result;

use super::store::PRODUCTS;
use crate::candidate::Candidate;
use crate::oha;
use crate::saturate::{CONNECTIONS, saturate};
use crate::sheet::{Key, Sheet, Target};
use crate::store;
use crate::world::{World, turn};
use crate::wrk::Wrk;

const CASE: &str = "products";
/// Of what the native service answers at the most.
const SHARES: [f64; 5] = [0.10, 0.25, 0.50, 0.75, 0.90];
/// Beyond, only the queue would be measured.
const MOST: f64 = 0.95;
/// One warms up, one is measured.
const WARM_UP_SECONDS: u64 = 1;

pub(super) async fn run(world: &World) -> Result<Sheet> {
    let mut sheet = world.sheet("latency", "latency of GET /products at fixed rates, without coordinated omission");
    let saturations = saturations(world, &mut sheet).await?;
    let (rates, halves) = rates(&saturations, world.options.check);
    for (candidate, most) in world.turns(&saturations) {
        let site = store::site(world, candidate, "store").await?;
        PRODUCTS.check(&world.http, site.url()).await?;
        let url = format!("{}{}", site.url(), PRODUCTS.path);
        for rate in rates.iter().copied().filter(|rate| *rate as f64 <= most * MOST) {
            turn(&format!("{} at {rate}", candidate.name()));
            oha::run(&world.tools(), &url, rate, WARM_UP_SECONDS).await?;
            let latency = oha::run(&world.tools(), &url, rate, world.options.seconds()).await?;
            for (measure, value) in [("p50", latency.p50), ("p90", latency.p90), ("p99", latency.p99)] {
                sheet.add(key(measure, candidate, rate), value);
            }
            sheet.add(Key { unit: "requests/s".to_owned(), ..key("answered", candidate, rate) }, latency.rate);
        }
        site.stop().await;
    }
    for (candidate, how, rate) in halves {
        let ratios = sheet.ratios(&key("p99", candidate, rate), &key("p99", Candidate::Native, rate))?;
        let what = format!("p99 of products at half of its saturation, {how}");
        let target = (candidate == Candidate::Reuse).then_some(Target::AtMost(1.5));
        sheet.find(&what, "native at the same rate", "", ratios, target);
    }
    Ok(sheet)
}

/// What each answers at the most, measured first.
async fn saturations(world: &World, sheet: &mut Sheet) -> Result<Vec<(Candidate, f64)>> {
    let mut all = Vec::new();
    for candidate in Candidate::STORE {
        turn(&format!("{}: saturation", candidate.name()));
        world.backends().await?.empty().await?;
        let site = store::site(world, candidate, "store").await?;
        let wrk = Wrk::new(CONNECTIONS, world.options.seconds());
        let saturation = saturate(world, &site, &PRODUCTS, &wrk).await?;
        saturation.note(sheet, super::throughput(CASE, candidate));
        all.push((candidate, saturation.rate));
        site.stop().await;
    }
    Ok(all)
}

type Halves = Vec<(Candidate, &'static str, u64)>;

/// The rates that all are measured at, and those that are half of what the host answers.
fn rates(saturations: &[(Candidate, f64)], check: bool) -> (Vec<u64>, Halves) {
    let of = |wanted| saturations.iter().find(|(candidate, _)| *candidate == wanted).map_or(0.0, |(_, rate)| *rate);
    let half = |candidate, how| (candidate, how, super::whole(of(candidate) / 2.0));
    let halves = vec![half(Candidate::Reuse, "reused instance"), half(Candidate::Fresh, "fresh instance")];
    let shares = if check { &SHARES[..1] } else { &SHARES[..] };
    let mut rates: Vec<u64> = shares.iter().map(|share| super::whole(of(Candidate::Native) * share)).collect();
    rates.extend(halves.iter().map(|(_, _, rate)| *rate));
    rates.sort_unstable();
    rates.dedup();
    (rates, halves)
}

fn key(measure: &str, candidate: Candidate, rate: u64) -> Key {
    Key::new(measure, "ms", CASE, candidate.name()).at(rate as f64)
}
