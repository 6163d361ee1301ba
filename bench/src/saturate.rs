//! Throughput: how much a site answers when it always has something to do, and what that costs it.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::load::Load;
use crate::sheet::{Key, Sheet};
use crate::site::Site;
use crate::world::World;
use crate::wrk::Wrk;

/// Enough to keep two cores and a database busy, below the host's 64 places.
pub const CONNECTIONS: usize = 32;
/// Pools are filled, pages are there, branches are known.
const WARM_UP_SECONDS: u64 = 1;
/// What was cut off when the warm-up ended is still worked on.
const SETTLES_WITHIN: Duration = Duration::from_millis(500);

/// One sample.
#[derive(Clone, Copy, Debug)]
pub struct Saturation {
    /// Requests a second.
    pub rate: f64,
    /// Microseconds of processor time for each request, of the servers alone.
    pub processor: f64,
}

impl Saturation {
    /// Notes both.
    pub fn note(&self, sheet: &mut Sheet, rate: Key) {
        let cost = Key { measure: "processor".to_owned(), unit: "µs/request".to_owned(), ..rate.clone() };
        sheet.add(rate, self.rate);
        sheet.add(cost, self.processor);
    }
}

/// Checks an answer, warms up, and measures.
///
/// # Errors
/// An answer is wrong, or a request fails.
pub async fn saturate(world: &World, site: &Site, load: &Load, wrk: &Wrk) -> Result<Saturation> {
    for url in &site.urls {
        load.check(&world.http, url).await?;
    }
    let warm_up = Wrk { seconds: WARM_UP_SECONDS, ..wrk.clone() };
    warm_up.run(site.url(), load).await.context("while it was warming up")?;
    tokio::time::sleep(SETTLES_WITHIN).await;
    let before = site.processor_seconds()?;
    let told = wrk.run(site.url(), load).await?;
    let used = site.processor_seconds()? - before;
    Ok(Saturation { rate: told.rate(), processor: used * 1e6 / told.requests as f64 })
}
