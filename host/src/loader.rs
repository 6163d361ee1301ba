//! From the bytes of a file to a version that can answer: checked against trigger and grants, compiled, linked.

use std::path::Path;
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

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
    pub digest: Digest,
    pub entry: Entry,
    /// The component itself, to check it against other grants.
    pub bytes: Arc<[u8]>,
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

    /// Makes a version of `bytes`, which came from `path`, for a service.
    ///
    /// # Errors
    /// What is wrong with the bytes, and what would mend it.
    pub async fn load(
        &self,
        path: &Path,
        bytes: Arc<[u8]>,
        name: &str,
        service: &Service,
    ) -> Result<Version, LoadError> {
        let world = World::read(path, &bytes)?;
        world.check_export(path, service.trigger())?;
        world.check_grants(path, name, service)?;
        let digest = Digest::of(&bytes);
        let component = self.compile(path, digest.clone(), bytes.clone()).await?;
        let linked = self.link(path, &component)?;
        let entry = entry(linked, service.trigger()).map_err(|e| {
            let (export, _) = world::export_of(service.trigger());
            LoadError::OtherExport { path: path.to_owned(), export, reason: format!("{e:#}") }
        })?;
        Ok(Version { digest, entry, bytes })
    }

    /// Compiles a component, whatever it imports and exports: on a thread of its own, at low priority. `digest` is that of
    /// its bytes.
    ///
    /// # Errors
    /// It is none.
    pub async fn compile(&self, path: &Path, digest: Digest, bytes: Arc<[u8]>) -> Result<Component, LoadError> {
        let _turn = self.compiling.acquire().await.expect("this semaphore is never closed");
        let (engine, cache) = (self.engine.clone(), self.cache.clone());
        let compiled = engine::in_background(move || cache.component(&engine, &digest, &bytes)).await;
        compiled.map_err(|e| LoadError::NotAComponent { path: path.to_owned(), reason: first_line(&e) })
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

/// Reads a component's file.
///
/// # Errors
/// It is not there, or not ours to read.
pub async fn read(path: &Path) -> Result<Arc<[u8]>, LoadError> {
    let bytes = tokio::fs::read(path).await;
    bytes.map(Arc::from).map_err(|source| LoadError::Read { path: path.to_owned(), source })
}
