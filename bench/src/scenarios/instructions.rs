//! Instructions of one request, in the server: a cost that no other process can disturb.

use anyhow::Result;
use futures_util::future::try_join_all;

use super::store::PRODUCT;
use crate::callgrind::Callgrind;
use crate::candidate::Candidate;
use crate::load::{HELLO, Load};
use crate::sheet::{Key, Sheet};
use crate::site::Site;
use crate::world::{World, turn};
use crate::{hello, store};

/// The first requests fill pools and caches: so many at the same time that each connection of a pool is made.
const WARM_UP: usize = 20;
const AT_ONCE: usize = 32;

pub(super) async fn hello(world: &World) -> Result<Sheet> {
    let mut sheet = world.sheet("instructions", "instructions for one hello, by callgrind");
    count(world, &mut sheet, "hello", &HELLO).await?;
    Ok(sheet)
}

pub(super) async fn product(world: &World) -> Result<Sheet> {
    let mut sheet = world.sheet("instructions-product", "instructions for one GET /products/1, by callgrind");
    count(world, &mut sheet, "product", &PRODUCT).await?;
    Ok(sheet)
}

/// Once each is enough: they hardly vary.
async fn count(world: &World, sheet: &mut Sheet, case: &str, load: &Load) -> Result<()> {
    let requests = world.options.count(2_000, 20);
    sheet.rounds = 1;
    for candidate in Candidate::STORE {
        turn(candidate.name());
        let few = run(world, candidate, case, load, requests).await?;
        let many = run(world, candidate, case, load, requests * 2).await?;
        let key = Key::new("instructions", "instructions/request", case, candidate.name());
        sheet.add(key, (many - few) / requests as f64);
    }
    let key = |candidate: Candidate| Key::new("instructions", "instructions/request", case, candidate.name());
    for (candidate, how) in [(Candidate::Reuse, "reused instance"), (Candidate::Fresh, "fresh instance")] {
        let ratios = sheet.ratios(&key(candidate), &key(Candidate::Native))?;
        sheet.find(&format!("instructions of {case}, {how}"), "native", "", ratios, None);
    }
    Ok(())
}

/// All instructions of a server that answers so many requests, one after the other.
async fn run(world: &World, candidate: Candidate, case: &str, load: &Load, requests: usize) -> Result<f64> {
    let callgrind = Callgrind::new(&world.out.join(format!("callgrind-{case}-{}.out", candidate.slug())));
    let site = site(world, candidate, case, &callgrind).await?;
    for _ in 0..WARM_UP {
        try_join_all((0..AT_ONCE).map(|_| load.check(&world.http, site.url()))).await?;
    }
    for server in &site.servers {
        callgrind.count(server).await?;
    }
    ask(world, &site, load, requests).await?;
    site.stop().await;
    callgrind.instructions()
}

/// One request after the other, over one connection.
async fn ask(world: &World, site: &Site, load: &Load, requests: usize) -> Result<()> {
    for _ in 0..requests {
        load.check(&world.http, site.url()).await?;
    }
    Ok(())
}

async fn site(world: &World, candidate: Candidate, case: &str, under: &Callgrind) -> Result<Site> {
    match (case, candidate) {
        ("hello", Candidate::Native) => hello::native_site(world, Some(under)).await,
        ("hello", _) => hello::small_host_site(world, candidate, Some(under)).await,
        _ => store::site_under(world, candidate, Some(under)).await,
    }
}
