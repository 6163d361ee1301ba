//! Another version of a component, by an operator and by a build.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::expect;
use crate::compose::clone::Clone;
use crate::compose::curl::get;
use crate::compose::documented::Documented;
use crate::compose::store::{Port, Store};

/// What the component asks Postgres, and the same the other way round in as many bytes: another version that needs no
/// compiler.
const QUERY: &str = "name, price from products order by id";
const SWAPPED: &str = "name,price from products order by -id";
/// What a new build asks, by a change of this source.
const SOURCE: &str = "components/store/src/catalogue.rs";
const BUILT: &str = "name, price from products where id = 2 order by id";

/// By a user who may use Docker, who needs no file of anybody else's.
pub fn survives_a_restart(store: &Store, _: &Clone) -> Result<()> {
    let folder = store.clone.list("components")?;
    let swapped = swapped(store)?;
    expect("is live", &store.compose_with_input(&swapped, Documented::Swap.arguments())?)?;
    expect("by upload", &store.compose(Documented::History.arguments())?)?;
    is_swapped(store)?;
    store.compose(["restart", "componentd"])?;
    store.up()?;
    is_swapped(store)?;
    store.compose(["up", "--force-recreate", "--no-deps", "--wait", "componentd"])?;
    is_swapped(store)?;
    let now = store.clone.list("components")?;
    ensure!(now == folder, "the folder components/ has changed from\n{folder}\nto\n{now}");
    Ok(())
}

/// The image's component is another now, so it is what came last.
pub fn build_takes_over(store: &Store, _: &Clone) -> Result<()> {
    store.clone.edit(SOURCE, QUERY, BUILT)?;
    store.up()?;
    let products = || get(&store.url(Port::Store, "/products"));
    expect(r#"[{"id":2,"name":"Banana","price":"0.99"}]"#, &products()?)?;
    store.compose(Documented::Rollback.arguments())?;
    is_swapped(store)?;
    store.clone.edit(SOURCE, BUILT, QUERY)?;
    store.up()?;
    expect(r#"[{"id":1"#, &products()?)
}

/// The component of the image, changed.
fn swapped(store: &Store) -> Result<std::path::PathBuf> {
    let file = store.engine.folder().join("swapped.wasm");
    let to = file.to_str().context("the clone's path is text")?;
    store.compose(["cp", "componentd:/app/components/store.wasm", to])?;
    let mut bytes = fs::read(&file).with_context(|| format!("cannot read {to}"))?;
    let at = bytes.windows(QUERY.len()).position(|window| window == QUERY.as_bytes());
    let at = at.with_context(|| format!("components/store does not ask `{QUERY}` any more: change this check"))?;
    bytes[at..at + SWAPPED.len()].copy_from_slice(SWAPPED.as_bytes());
    fs::write(&file, bytes)?;
    Ok(file)
}

fn is_swapped(store: &Store) -> Result<()> {
    expect(r#"[{"id":2"#, &get(&store.url(Port::Store, "/products"))?)
}
