//! From the bytes of a file to a version that can answer: compiled, checked against trigger and grants, linked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::bindings::handler::KafkaHandlerPre;
use crate::cache::Cache;
use crate::capability;
use crate::config::{Service, Trigger};
use crate::digest::Digest;
use crate::engine;
use crate::state::State;

/// The export that an HTTP trigger calls.
const HTTP_EXPORT: &str = "wasi:http/incoming-handler";
/// The export that a Kafka trigger calls.
const KAFKA_EXPORT: &str = "componentd:kafka/handler";

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

/// Why a file cannot become a version.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the component {path} cannot be read: {source}; build it, or correct `component` in the manifest")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is no WebAssembly component: {reason}")]
    NotAComponent { path: PathBuf, reason: String },
    #[error(
        "{path} does not export {export}, which a service with `{trigger} = …` is called through; it exports {exports}"
    )]
    NoExport { path: PathBuf, export: &'static str, trigger: &'static str, exports: String },
    #[error("{path} imports what the manifest does not grant:{list}")]
    NotGranted { path: PathBuf, list: String },
    #[error("{path} imports what this host does not implement: {reason}")]
    NotImplemented { path: PathBuf, reason: String },
}

impl LoadError {
    /// The step of a version's life at which it was refused.
    pub fn step(&self) -> &'static str {
        match self {
            Self::Read { .. } => "found",
            Self::NotAComponent { .. } => "compiled",
            Self::NoExport { .. } | Self::NotGranted { .. } | Self::NotImplemented { .. } => "checked",
        }
    }
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
        let digest = Digest::of(&bytes);
        let component = self.compile(path, bytes.clone()).await?;
        check_export(path, &component, service.trigger())?;
        check_grants(path, &component, name, service)?;
        let linked = self.link(path, &component)?;
        let entry = entry(linked, service.trigger())
            .map_err(|e| LoadError::NotImplemented { path: path.to_owned(), reason: format!("{e:#}") })?;
        Ok(Version { digest, entry, bytes })
    }

    /// Compiles a component, whatever it imports and exports: on a thread of its own, at low priority.
    ///
    /// # Errors
    /// It is none.
    pub async fn compile(&self, path: &Path, bytes: Arc<[u8]>) -> Result<Component, LoadError> {
        let _turn = self.compiling.acquire().await.expect("this semaphore is never closed");
        let (engine, cache) = (self.engine.clone(), self.cache.clone());
        let compiled = engine::in_background(move || cache.component(&engine, &Digest::of(&bytes), &bytes)).await;
        compiled.map_err(|e| LoadError::NotAComponent { path: path.to_owned(), reason: first_line(&e) })
    }

    fn link(&self, path: &Path, component: &Component) -> Result<InstancePre<State>, LoadError> {
        self.linker
            .instantiate_pre(component)
            .map_err(|e| LoadError::NotImplemented { path: path.to_owned(), reason: format!("{e:#}") })
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

fn check_export(path: &Path, component: &Component, trigger: Trigger<'_>) -> Result<(), LoadError> {
    let (export, trigger) = match trigger {
        Trigger::Http(_) => (HTTP_EXPORT, "http"),
        Trigger::Kafka(_) => (KAFKA_EXPORT, "kafka"),
    };
    let component_type = component.component_type();
    let exports: Vec<&str> = component_type.exports(component.engine()).map(|(name, _)| name).collect();
    if exports.iter().any(|name| capability::interface_of(name) == export) {
        return Ok(());
    }
    let exports = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
    Err(LoadError::NoExport { path: path.to_owned(), export, trigger, exports })
}

fn check_grants(path: &Path, component: &Component, name: &str, service: &Service) -> Result<(), LoadError> {
    let missing = capability::missing(component, service);
    if missing.is_empty() {
        return Ok(());
    }
    let line = |granted: &capability::Granted| {
        format!("\n  {}; add to [services.{name}]: {}", granted.interface, granted.example)
    };
    Err(LoadError::NotGranted { path: path.to_owned(), list: missing.iter().map(line).collect() })
}

/// Reads a component's file.
///
/// # Errors
/// It is not there, or not ours to read.
pub async fn read(path: &Path) -> Result<Arc<[u8]>, LoadError> {
    let bytes = tokio::fs::read(path).await;
    bytes.map(Arc::from).map_err(|source| LoadError::Read { path: path.to_owned(), source })
}
