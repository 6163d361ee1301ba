//! A host as a process, and what its admin port says of it.

use rustix::process::Signal;

use super::client::Client;
use super::process::{ManifestFile, Process};
use super::wait::until;

/// One whose manifest has an admin port.
pub struct Watched {
    pub process: Process,
    pub admin: Client,
}

impl Watched {
    pub async fn start(manifest: &ManifestFile) -> Self {
        let mut process = Process::run(manifest);
        let admin = process.client("the admin port").await;
        Self { process, admin }
    }

    pub async fn stop(self) {
        self.process.signal(Signal::TERM);
        self.process.end().await.expect(0);
    }

    pub async fn kill9(self) {
        self.process.signal(Signal::KILL);
        self.process.end().await;
    }

    pub async fn until_ready(&self) {
        until("it is ready", async || (self.admin.get("/readyz").await.status == 200).then_some(())).await;
    }
}
