//! A host with a capability of its own, `acme:clock/now`, and a plug-in in Rust that uses it (`guests/clock`).
//!
//! `cargo xtask guests && cargo run --example clock -- target/guests/clock.wasm`

use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;

use componentd::wasmtime::{self, component::Linker};
use componentd::{About, Capability, Client, ConfigError, Grant, Host, HostContext, Manifest, Package};
use componentd::{ServiceContext, State, toml::toml};

/// The capability and, as it needs no connection, its client too.
struct Clock;

impl Capability for Clock {
    fn about(&self) -> About {
        let packages = &[Package { name: "acme:clock", version: "1.0.0", interfaces: &["now"] }];
        About { name: "clock", packages, needs: None, server: None }
    }

    fn add_to_linker(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        linker.instance("acme:clock/now@1.0.0")?.func_wrap("seconds", |_, (): ()| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
            Ok((now.as_secs(),))
        })
    }

    fn client(&self, _: HostContext<'_>) -> Result<Arc<dyn Client>, ConfigError> {
        Ok(Arc::new(Self))
    }
}

/// The time is no secret: every service may know it.
impl Client for Clock {
    fn grant(&self, _: &ServiceContext<'_>) -> Result<Option<Arc<dyn Grant>>, ConfigError> {
        Ok(None)
    }
}

/// What the plug-in says to Ann.
pub async fn greet(plug_in: &str) -> Result<String, Box<dyn Error>> {
    let manifest = Manifest::from_toml(toml! {
        [services.greeter]
        component = plug_in
        trigger = "none"
    })?;
    let host = Host::builder().manifest(manifest).capability(Clock).start().await?;
    let (greeting,) = host.service("greeter")?.call("acme:clock/greeter@1.0.0", "greet", ("Ann",)).await?;
    host.stop().await;
    Ok(greeting)
}

#[tokio::main]
#[allow(dead_code, reason = "its test calls the rest")]
async fn main() -> Result<(), Box<dyn Error>> {
    let plug_in = std::env::args().nth(1).ok_or("name the plug-in: target/guests/clock.wasm")?;
    println!("{}", greet(&plug_in).await?);
    Ok(())
}
