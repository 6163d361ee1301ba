//! `componentd run`: the host, from its start to the signal that ends it.

use std::path::Path;
use std::time::Duration;

use componentd_config::Manifest;
use componentd_core::error::StartError;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info};

use super::CommandError;
use crate::host::{Host, OWN_PROGRAM};

/// How long the last lines may take where the host is to end at once.
const AT_ONCE: Duration = Duration::from_millis(200);

pub(super) async fn run(path: &Path) -> Result<(), CommandError> {
    let mut signals = Signals::new();
    let manifest = Manifest::load(path)?;
    let mut host = tokio::select! {
        host = start(manifest) => host?,
        () = signals.next() => return Ok(()),
    };
    host.watch(path.to_owned());
    info!("ready");
    signals.next().await;
    info!("stopping: requests and records in flight come to their end; a second signal ends at once");
    tokio::select! {
        () = host.stop() => info!("stopped"),
        () = signals.next() => {
            error!("ended at once by a second signal");
            componentd_telemetry::flush(AT_ONCE);
            std::process::exit(130);
        }
    }
    Ok(())
}

/// Components are compiled by processes of this program.
async fn start(manifest: Manifest) -> Result<Host, StartError> {
    Host::builder().manifest(manifest).compiler(OWN_PROGRAM).start().await
}

/// SIGTERM and SIGINT, which mean the same.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Self {
        let listen = |kind| signal(kind).expect("handlers can be set in a process that has just started");
        Self { terminate: listen(SignalKind::terminate()), interrupt: listen(SignalKind::interrupt()) }
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
