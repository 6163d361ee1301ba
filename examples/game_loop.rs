//! A program that calls a plug-in in each round of its loop, a million times, and swaps it once a second meanwhile.
//!
//! `cargo run --release --example game_loop`

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

use componentd::{Host, Manifest, toml::toml};

/// The rules of the game, of one version: what a hit is worth.
fn rules(worth: u32) -> Result<Vec<u8>, wat::Error> {
    wat::parse_str(format!(
        r#"(component
            (core module $rules (func (export "score") (param i32) (result i32)
                (i32.mul (local.get 0) (i32.const {worth}))))
            (core instance $rules (instantiate $rules))
            (func $score (param "hits" u32) (result u32) (canon lift (core func $rules "score")))
            (instance $game (export "score" (func $score)))
            (export "acme:game/rules" (instance $game)))"#
    ))
}

/// Plays so many rounds, with other rules as often as `every` says: how many rounds each version has scored.
pub async fn play(rounds: u32, every: Duration) -> Result<BTreeMap<u32, u32>, Box<dyn Error>> {
    let file = std::env::temp_dir().join(format!("rules-{}.wasm", std::process::id()));
    std::fs::write(&file, rules(1)?)?;
    let component = file.display().to_string();
    let manifest = Manifest::from_toml(toml! {
        [services.rules]
        component = component
        trigger = "none"
    })?;
    let host = Host::builder().manifest(manifest).start().await?;
    std::fs::remove_file(&file)?;
    let (game, mut scored, mut worth, mut swapped) = (host.service("rules")?, BTreeMap::new(), 1, Instant::now());
    let mut swap = None;
    for _ in 0..rounds {
        let (score,): (u32,) = game.call("acme:game/rules", "score", (1_u32,)).await?;
        *scored.entry(score).or_default() += 1;
        if swapped.elapsed() >= every {
            (worth, swapped) = (worth + 1, Instant::now());
            let (game, next) = (game.clone(), rules(worth)?);
            // The loop goes on with the rules that there are until the next ones are live.
            swap = Some(tokio::spawn(async move { game.swap(next).await }));
        }
    }
    if let Some(last) = swap {
        last.await??;
    }
    host.stop().await;
    Ok(scored)
}

#[tokio::main]
#[allow(dead_code, reason = "its test calls the rest")]
async fn main() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let scored = play(1_000_000, Duration::from_secs(1)).await?;
    println!("{} versions, {:?} for a million calls: {scored:?}", scored.len(), start.elapsed());
    Ok(())
}
