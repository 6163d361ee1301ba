//! Other versions behind running services: nobody notices the good ones, and the bad ones do not stay.

mod alike;
mod bad_versions;
mod canary;
mod consumer;
mod drained;
mod files;
mod flat;
mod kept;
mod killed;
mod starting;
mod under_load;
pub mod versions;

use componentd::{Host, Manifest};
use serde_json::Value;

use crate::support::client::{Client, Reply};
use crate::support::files::guest;
use crate::support::host::admin;
use crate::support::process::ManifestFile;
use versions::Mark;

/// One service of the guest that has versions, a state folder, and an admin port.
pub struct Slot {
    pub host: Host,
    pub manifest: ManifestFile,
}

/// A manifest whose component is a file of its own beside it. `settings` are those of the service.
pub fn manifest(settings: &str) -> String {
    format!(
        r#"
        [host]
        state = "state"

        [admin]
        token = 'for-tests'
        listen = "127.0.0.1:0"

        [services.slot]
        component = "slot.wasm"
        http = {{ listen = "127.0.0.1:0" }}
        {settings}
        "#
    )
}

impl Slot {
    /// Starts with this version, and watches the files.
    pub async fn start(first: Mark, settings: &str) -> Self {
        Self::of(first, &manifest(settings)).await
    }

    /// The same with this manifest.
    pub async fn of(first: Mark, manifest: &str) -> Self {
        let manifest = ManifestFile::new(manifest);
        let slot = Self { host: serve(&manifest, first).await, manifest };
        slot.client().get("/").await.expect(200);
        slot
    }

    pub fn client(&self) -> Client {
        Client::new(self.host.address("slot").unwrap())
    }

    pub fn admin(&self) -> Client {
        admin(&self.host)
    }

    /// Uploads a version, and waits until it is live or refused.
    pub async fn upload(&self, component: Vec<u8>) -> Reply {
        let admin = self.admin();
        admin.send(admin.request(http::Method::POST, "/services/slot/versions", component)).await
    }

    /// The digits that the service answers with.
    pub async fn answer(&self) -> String {
        self.client().get("/").await.expect(200).to_owned()
    }

    /// The outcome of each entry of the history, oldest first.
    pub async fn outcomes(&self) -> Vec<Value> {
        let history = self.admin().get("/services/slot/history").await.json();
        history.as_array().unwrap().iter().map(|entry| entry["outcome"].clone()).collect()
    }

    pub async fn restart(self) -> Self {
        let Self { host, manifest } = self;
        host.stop().await;
        let host = run(&manifest).await;
        Self { host, manifest }
    }

    pub fn component(&self) -> std::path::PathBuf {
        component(&self.manifest)
    }
}

pub fn component(manifest: &ManifestFile) -> std::path::PathBuf {
    manifest.folder.path().join("slot.wasm")
}

async fn serve(manifest: &ManifestFile, first: Mark) -> Host {
    std::fs::write(component(manifest), first.component()).unwrap();
    run(manifest).await
}

async fn run(manifest: &ManifestFile) -> Host {
    let path = std::path::PathBuf::from(manifest.path());
    let mut host = Host::start(Manifest::load(&path).unwrap()).await.unwrap();
    host.watch(path);
    host
}

/// The bytes of a guest.
pub fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(guest(name)).unwrap()
}
