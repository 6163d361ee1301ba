//! What versions are brought up with, and where it is kept what became of them.

use std::path::Path;
use std::sync::Arc;

use componentd_config as config;
use componentd_core::artifact::Artifact;
use componentd_core::clients::Clients;
use componentd_core::deployment::Deployment;
use componentd_core::digest::Digest;
use componentd_core::granted::Granted;
use componentd_core::history::{By, Entry, Outcome};
use componentd_core::instances::Pool;
use componentd_core::load_error::LoadError;
use componentd_core::loader::{Loader, Version};
use componentd_core::metrics::Metrics;
use componentd_core::registry::{Directory, Service};
use componentd_core::trigger::Triggers;
use tokio::sync::broadcast;
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::archive::{Archive, Live};
use crate::events::Event;
use crate::rejected::Rejected;

/// Puts versions behind services.
#[derive(Clone)]
pub struct Swapper {
    /// What makes versions of bytes.
    pub loader: Loader,
    /// Where instances live.
    pub pool: Pool,
    /// What grants are made of.
    pub clients: Clients,
    /// The services that run.
    pub services: Directory,
    /// Where swaps are counted.
    pub metrics: Arc<Metrics>,
    /// Where versions and their history are kept.
    pub archive: Archive,
    /// What can call services.
    pub triggers: Triggers,
    /// What becomes of versions, for programs that embed the host.
    pub events: broadcast::Sender<Event>,
    /// Watches and drains that are going on.
    pub tasks: TaskTracker,
}

impl Swapper {
    /// A deployment that nothing calls yet.
    pub fn deployment(&self, spec: config::Service, granted: Arc<Granted>, version: Arc<Version>) -> Deployment {
        let (pool, metrics) = (self.pool.clone(), self.metrics.clone());
        Deployment::new(spec, pool, metrics, granted, version)
    }

    /// What is live now went live.
    pub fn note_live(&self, service: &Service, by: By) {
        self.note(service, service.live().version.digest(), by, Outcome::Live);
    }

    /// A version did not go live.
    pub fn note_rejected(&self, service: &Service, digest: &Digest, by: By, rejected: &Rejected) {
        let (step, reason) = (rejected.step(), rejected.to_string());
        self.note(service, digest, by, Outcome::Rejected { step, reason });
    }

    /// Into the history, and into what a restart goes by.
    pub fn note(&self, service: &Service, digest: &Digest, by: By, outcome: Outcome) {
        let entry = Entry::now(digest.full(), by, outcome);
        if let Err(error) = self.archive.append(&service.name, &entry) {
            warn!(service = service.name, %error, "the state folder cannot be written; a restart loses this history");
        }
        // Nobody may listen.
        let _ = self.events.send(Event { service: service.name.clone(), entry: entry.clone() });
        service.history.push(entry);
        self.remember(service);
    }

    /// What is live, and which content of the file has been decided about: a restart tries no content twice.
    pub fn remember(&self, service: &Service) {
        let version = service.live().version.digest().full();
        let file = service.file().map(|digest| digest.full()).unwrap_or_default();
        if let Err(error) = self.archive.set_live(&service.name, &Live { version, file }) {
            warn!(service = service.name, %error, "the state folder cannot be written; a restart goes by the file");
        }
    }

    /// What a service starts with, and what its file holds: the version that was live when the host ended, unless the
    /// file has changed since.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn first(&self, name: &str, path: &Path) -> Result<(Artifact, Digest), LoadError> {
        let file = Artifact::read(path).await?;
        let (digest, full) = (file.digest.clone(), file.digest.full());
        let other = self.archive.live(name).filter(|live| live.file == full && live.version != full);
        let live = other.and_then(|live| self.archive.version(name, &live.version));
        Ok((live.unwrap_or(file), digest))
    }
}
