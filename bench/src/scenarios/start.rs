//! Start: from the process to the moment when everything can be called, with what was compiled before.

use anyhow::Result;

use crate::candidate::Candidate;
use crate::componentd::{Host, LIMITS};
use crate::sheet::{Key, Sheet, Target};
use crate::store::Listen;
use crate::world::{World, turn};
use crate::{hello, store};

const STORE: &str = "the store's 4 services";

pub(super) async fn run(world: &World) -> Result<Sheet> {
    let mut sheet = world.sheet("start", "seconds from the start of the process until everything is ready");
    let count = world.options.count(200, 5);
    let many = format!("{count} services");
    for of_store in [true, false] {
        turn("what is compiled for the first time");
        once(world, of_store, count).await?;
    }
    for of_store in world.turns(&[true, false]) {
        let case = if of_store { STORE } else { &many };
        turn(case);
        sheet.add(key(case), once(world, of_store, count).await?);
    }
    for (case, most) in [(STORE, 0.3), (many.as_str(), 3.0)] {
        let samples = sheet.samples(&key(case))?.to_vec();
        sheet.find(&format!("start of {case}"), "", "s", samples, Some(Target::AtMost(most)));
    }
    Ok(sheet)
}

fn key(case: &str) -> Key {
    Key::new("start", "s", case, Candidate::Reuse.name())
}

async fn once(world: &World, of_store: bool, count: usize) -> Result<f64> {
    let host = if of_store { store_host(world).await? } else { hello::host(world, Candidate::Reuse, count, LIMITS)?.0 };
    let server = host.ready(world).await?;
    let seconds = server.started.elapsed().as_secs_f64();
    server.stop().await;
    Ok(seconds)
}

async fn store_host(world: &World) -> Result<Host> {
    let services = ["users", "orders", "store", "notifications"];
    store::host(world.backends().await?, Candidate::Reuse, &services, &Listen::free()?)
}
