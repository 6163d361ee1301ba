//! A host that is a client of no server at all: no Postgres, no Redis, no Kafka. It answers HTTP.
//!
//! `cargo xtask guests && cargo run --example alone -- target/guests/hello.wasm`

use std::error::Error;
use std::sync::Arc;

use componentd::capabilities::{Http, Logging, Settings, Wasi};
use componentd::{Capability, Host, Manifest, toml::toml};

/// A host whose components may ask for no server, and that runs this one.
pub async fn start(component: &str) -> Result<Host, Box<dyn Error>> {
    let few: Vec<Arc<dyn Capability>> = vec![Arc::new(Wasi), Arc::new(Http), Arc::new(Settings), Arc::new(Logging)];
    let manifest = Manifest::from_toml(toml! {
        [services.hello]
        component = component
        http = { listen = "127.0.0.1:0" }
    })?;
    Ok(Host::builder().manifest(manifest).capabilities(few).start().await?)
}

#[tokio::main]
#[allow(dead_code, reason = "its test calls the rest")]
async fn main() -> Result<(), Box<dyn Error>> {
    let component = std::env::args().nth(1).ok_or("name the component: target/guests/hello.wasm")?;
    let host = start(&component).await?;
    println!("http://{}/, until Ctrl-C", host.address("hello").ok_or("it has a listener")?);
    tokio::signal::ctrl_c().await?;
    host.stop().await;
    Ok(())
}
