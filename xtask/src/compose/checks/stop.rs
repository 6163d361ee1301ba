//! The end of the store, and its return.

use anyhow::{Result, ensure};

use super::answers;
use crate::compose::clone::Clone;
use crate::compose::documented::Documented;
use crate::compose::load::{Load, Use};
use crate::compose::store::Store;

/// Clients of each kind.
const CLIENTS: usize = 5;
/// Answers before the stop.
const WARM: usize = 100;

/// Straight to the container: the proxy of published ports takes connections that the host never sees.
pub fn under_load(store: &Store, _: &Clone) -> Result<()> {
    let address = store.inspect("componentd", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")?;
    let store_at = format!("{address}:8083").parse()?;
    let loads = [Load::start(store_at, Use::Again, CLIENTS), Load::start(store_at, Use::Once, CLIENTS)];
    store.until("the load is answered", || Ok(loads.iter().all(|load| load.answers() > WARM)))?;
    store.compose(Documented::Stop.arguments())?;
    for load in loads {
        let lost = load.end();
        ensure!(lost.is_empty(), "requests were accepted and got no answer: {}", lost.join(", "));
    }
    for service in ["componentd", "mailbox", "postgres", "redis"] {
        let code = store.inspect(service, "{{.State.ExitCode}}")?;
        ensure!(code == "0", "{service} ended with {code}");
    }
    // What a JVM says after SIGTERM.
    let code = store.inspect("kafka", "{{.State.ExitCode}}")?;
    ensure!(code == "143" || code == "0", "kafka ended with {code}");
    Ok(())
}

/// Accounts, orders, and where the consumer was.
pub fn data_is_kept(store: &Store, _: &Clone) -> Result<()> {
    store.compose(Documented::Down.arguments())?;
    store.up()?;
    answers::is_known(store)?;
    answers::order_and_mail(store)
}

pub fn data_is_removed(store: &Store, _: &Clone) -> Result<()> {
    let volumes = ["volume", "ls", "--quiet", "--filter", "label=com.docker.compose.project=one"];
    let before = store.engine.ask(volumes)?;
    ensure!(before.contains("postgres"), "there is no volume to remove: {before:?}");
    store.compose(Documented::DownWithVolumes.arguments())?;
    let left = store.engine.ask(volumes)?;
    ensure!(left.is_empty(), "these volumes are left: {left}");
    Ok(())
}
