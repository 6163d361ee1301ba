//! The commands that need no running host.

use std::path::Path;

use componentd_capability_kafka as kafka;
use componentd_config::reasons::unknown;
use componentd_config::{self as config, HostSettings, Manifest, Trigger};
use componentd_core::artifact::Artifact;
use componentd_core::cache::Cache;
use componentd_core::error::StartError;
use componentd_core::loader::Loader;
use componentd_core::verdict::Verdict;
use componentd_core::world::World;
use componentd_core::{clients, engine};
use componentd_ingress::{self as ingress, cron::Clock};
use componentd_telemetry as telemetry;

use super::{CommandError, LAST_WORDS};
use crate::capabilities::default_capabilities;
use crate::dead_letters::{self, Action};
use crate::{doctor, explain, host, init, inspect};

pub(super) fn init(folder: &Path) -> Result<(), CommandError> {
    let name = init::write(folder)?;
    let enter = if folder == Path::new(".") { String::new() } else { format!("  cd {}\n", folder.display()) };
    println!(
        "{name} is in {}: its manifest, its component in src/lib.rs, and the SDK that it is built with. Next:\n\n{enter}  \
         rustup target add wasm32-wasip2\n  cargo build --release --target wasm32-wasip2\n  componentd run\n\n\
         and in another terminal\n\n  curl http://localhost:8090/hello/world",
        folder.display()
    );
    Ok(())
}

pub(super) async fn check(path: &Path) -> Result<(), CommandError> {
    let manifest = Manifest::load(path)?;
    let capabilities = default_capabilities();
    let services = host::check(&manifest, &capabilities).await?;
    // What follows is the answer: it stands behind what was logged on the way.
    telemetry::flush(LAST_WORDS);
    for (name, component, digest) in services {
        println!("{name}: {} {digest}", component.display());
    }
    let granted = explain::granted(&manifest, &capabilities)?;
    println!("\nWhat each may do:");
    explain::matrix(&granted).iter().for_each(|line| println!("  {line}"));
    println!();
    for circle in explain::circles(&manifest, &granted) {
        println!("These may call each other in a circle, which only `limits.hops` ends: {circle}");
    }
    println!("{}: all is well", path.display());
    Ok(())
}

pub(super) fn explain(path: &Path, service: &str, action: &str) -> Result<(), CommandError> {
    match explain::explain(&Manifest::load(path)?, &default_capabilities(), service, action)? {
        Verdict::Allowed(why) => println!("allowed: {why}"),
        Verdict::Denied(why) => return Err(CommandError::Denied(why)),
    }
    Ok(())
}

pub(super) async fn doctor(path: &Path, json: bool) -> Result<(), CommandError> {
    let (manifest, capabilities) = (Manifest::load(path)?, default_capabilities());
    let clients = clients::check(&capabilities, &manifest)?;
    let report = doctor::examine(&manifest, &capabilities, &clients).await;
    if json {
        println!("{}", serde_json::to_string(&report).expect("a report has only strings as keys"));
    } else {
        print!("{report}");
    }
    match report.wrong() {
        0 => Ok(()),
        wrong => Err(CommandError::Unwell { wrong, of: report.findings.len() }),
    }
}

pub(super) async fn dead_letters(action: Action, service: &str, count: usize, path: &Path) -> Result<(), CommandError> {
    let manifest = Manifest::load(path)?;
    let trigger = manifest.services.get(service).map(config::Service::trigger);
    let (Some(Trigger::Kafka(trigger)), Some(backend)) = (trigger, manifest.backend(kafka::NAME)) else {
        return Err(CommandError::NoConsumer(no_consumer(&manifest, service)));
    };
    let count = dead_letters::run(&backend.read()?, trigger, action, count).await?;
    eprintln!("{count} dead letters");
    Ok(())
}

fn no_consumer(manifest: &Manifest, service: &str) -> String {
    let is_consumer = |spec: &config::Service| matches!(spec.trigger(), Trigger::Kafka(_));
    let consumers = manifest.services.iter().filter(|(_, spec)| is_consumer(spec));
    let consumers: Vec<&str> = consumers.map(|(name, _)| name.as_str()).collect();
    unknown("service with `kafka = { … }` called", service, &consumers)
}

pub(super) async fn inspect(path: &Path) -> Result<(), CommandError> {
    let capabilities = default_capabilities();
    let entry_points = ingress::triggers(Clock::system()).entry_points();
    let engine = engine::start(1).map_err(StartError::Engine)?;
    let compiler = host::own_program((&HostSettings::default()).into());
    let loader = Loader::new(engine, compiler, Cache::none(), &capabilities, entry_points);
    let loader = loader.map_err(StartError::Capabilities)?;
    let inspected = |e| StartError::File(Box::new(e));
    let artifact = Artifact::read(path).await.map_err(inspected)?;
    let world = World::read(path, &artifact.bytes).map_err(inspected)?;
    let component = loader.compile("inspect", &artifact).await.map_err(inspected)?;
    telemetry::flush(LAST_WORDS);
    print!("{}", inspect::report(&capabilities, world, &artifact.digest, loader.lacking(&component)));
    Ok(())
}
