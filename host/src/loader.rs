//! From the bytes of a file to a version that can answer: checked against trigger and grants, compiled, linked.

use std::path::Path;
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::artifact::Artifact;
use crate::bindings::handler::KafkaHandlerPre;
use crate::cache::Cache;
use crate::capability;
use crate::config::{Service, Trigger};
use crate::digest::Digest;
use crate::load_error::LoadError;
use crate::state::State;
use crate::world::{self, World};
use crate::{engine, lacking};

/// One immutable build of a service's component, ready to be instantiated.
pub struct Version {
    /// The component itself, to check it against other grants, and to keep it.
    pub artifact: Artifact,
    pub entry: Entry,
}

impl Version {
    /// The name of the version.
    pub fn digest(&self) -> &Digest {
        &self.artifact.digest
    }
}

/// What the trigger calls.
pub enum Entry {
    Http(ProxyPre<State>),
    Kafka(KafkaHandlerPre<State>),
}

/// Compiles components for one engine, and links them with the capabilities.
#[derive(Clone)]
pub struct Loader {
    engine: Engine,
    linker: Arc<Linker<State>>,
    cache: Cache,
    /// One compilation at a time: the requests of the other versions need the processors too.
    compiling: Arc<tokio::sync::Semaphore>,
}

impl Loader {
    /// A loader whose components may import every capability of the host.
    ///
    /// # Errors
    /// Two capabilities claim the same interface.
    pub fn new(engine: Engine, cache: Cache) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(&engine);
        capability::add_to_linker(&mut linker)?;
        let compiling = Arc::new(tokio::sync::Semaphore::new(1));
        Ok(Self { engine, linker: Arc::new(linker), cache, compiling })
    }

    /// Makes a version of a component for a service.
    ///
    /// # Errors
    /// What is wrong with the component, and what would mend it.
    pub async fn load(&self, artifact: Artifact, name: &str, service: &Service) -> Result<Version, LoadError> {
        let path = artifact.source.name();
        let world = World::read(path, &artifact.bytes)?;
        world.check_export(path, service.trigger())?;
        world.check_grants(path, name, service)?;
        let component = self.compile(&artifact).await?;
        let linked = self.link(path, &component)?;
        let entry = entry(linked, service.trigger()).map_err(|e| {
            let (export, _) = world::export_of(service.trigger());
            LoadError::OtherExport { path: path.to_owned(), export, reason: format!("{e:#}") }
        })?;
        Ok(Version { artifact, entry })
    }

    /// Compiles a component, whatever it imports and exports: on threads of low priority.
    ///
    /// # Errors
    /// It is none.
    pub async fn compile(&self, artifact: &Artifact) -> Result<Component, LoadError> {
        let _turn = self.compiling.acquire().await.expect("this semaphore is never closed");
        let (engine, cache, component) = (self.engine.clone(), self.cache.clone(), artifact.clone());
        let compiled = engine::in_background(move || cache.component(&engine, &component)).await;
        compiled
            .map_err(|e| LoadError::NotAComponent { path: artifact.source.name().to_owned(), reason: first_line(&e) })
    }

    /// What a component imports and this host does not have.
    pub fn lacking(&self, component: &Component) -> Vec<String> {
        lacking::lacking(&self.linker, component)
    }

    fn link(&self, path: &Path, component: &Component) -> Result<InstancePre<State>, LoadError> {
        self.linker.instantiate_pre(component).map_err(|_| LoadError::lacking(path, &self.lacking(component)))
    }
}

/// The rest shows the bytes.
fn first_line(error: &wasmtime::Error) -> String {
    format!("{error:#}").lines().next().unwrap_or_default().trim_end_matches(['=', '[']).to_owned()
}

fn entry(linked: InstancePre<State>, trigger: Trigger<'_>) -> wasmtime::Result<Entry> {
    match trigger {
        Trigger::Http(_) => ProxyPre::new(linked).map(Entry::Http),
        Trigger::Kafka(_) => KafkaHandlerPre::new(linked).map(Entry::Kafka),
    }
}
