//! A run: scenario after scenario, each written as soon as it is measured.

use anyhow::{Context, Result};

use crate::options::Options;
use crate::repository::root;
use crate::world::World;
use crate::{report, scenarios};

/// Measures what `options` name, or only renders.
///
/// # Errors
/// Something is not built, does not start, or answered wrongly.
pub fn run(options: Options) -> Result<()> {
    if options.render {
        return report::render(&root().join("bench/results"), &root().join("BENCHMARKS.md"));
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(measure(options))
}

async fn measure(options: Options) -> Result<()> {
    let world = World::new(options, root().join("target/bench"))?;
    let outcome = measure_all(&world).await;
    world.stop().await;
    outcome
}

async fn measure_all(world: &World) -> Result<()> {
    let results = root().join("bench/results");
    for name in world.options.scenarios() {
        eprintln!("==> bench {name}");
        let sheet = scenarios::run(name, world).await.with_context(|| format!("scenario {name}"))?;
        println!("{sheet}");
        if !world.options.check {
            sheet.write(&results)?;
        }
    }
    if world.options.check { Ok(()) } else { report::render(&results, &root().join("BENCHMARKS.md")) }
}
