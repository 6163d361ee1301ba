//! From the bytes of a file to a version that can answer: compiled, checked against trigger and grants, linked.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::bindings::handler::KafkaHandlerPre;
use crate::cache::Cache;
use crate::capability;
use crate::config::{Service, Trigger};
use crate::digest::Digest;
use crate::state::State;
use crate::{engine, lacking};

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
    #[error("the component {path} cannot be read: {source}; {}", mend_reading(source))]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is empty: build the component again, or wait until it is written")]
    Empty { path: PathBuf },
    #[error(
        "{path} is a core module, not a component: build it with `--target wasm32-wasip2`, or wrap it with \
         `wasm-tools component new`"
    )]
    CoreModule { path: PathBuf },
    #[error(
        "{path} is a WASI 0.3 component, and this host runs WASI 0.2: build it against wasi:…@0.2, which toolchains \
         call `wasip2` ({reason})"
    )]
    Wasi03 { path: PathBuf, reason: String },
    #[error("{path} is no WebAssembly component: {reason}; build it anew, or correct the path")]
    NotAComponent { path: PathBuf, reason: String },
    #[error("{path} does not export {export}, which a service with `{trigger} = …` is called through; {mend}")]
    NoExport { path: PathBuf, export: &'static str, trigger: &'static str, mend: String },
    #[error("{path} imports what the manifest does not grant:{list}")]
    NotGranted { path: PathBuf, list: String },
    #[error("{path} imports what this host does not have; build it without, or with what comes near:{list}")]
    Lacking { path: PathBuf, list: String },
    #[error(
        "{path} exports {export} in another form than this host calls it: {reason}; build it against the WIT of this host"
    )]
    OtherExport { path: PathBuf, export: &'static str, reason: String },
}

fn mend_reading(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "let the user of the host read it and pass through its folders",
        io::ErrorKind::IsADirectory => "name the .wasm file in it",
        _ if [Errno::MFILE, Errno::NFILE].iter().any(|limit| Some(limit.raw_os_error()) == error.raw_os_error()) => {
            "raise the limit of open files, see `ulimit -n`"
        }
        _ => "build it, or correct the path",
    }
}

impl LoadError {
    /// The step of a version's life at which it was refused.
    pub fn step(&self) -> &'static str {
        match self {
            Self::Read { .. } => "found",
            Self::Empty { .. } | Self::CoreModule { .. } | Self::Wasi03 { .. } | Self::NotAComponent { .. } => {
                "compiled"
            }
            Self::NoExport { .. } | Self::NotGranted { .. } | Self::Lacking { .. } | Self::OtherExport { .. } => {
                "checked"
            }
        }
    }

    /// The key of a service's table that is about it.
    pub fn key(&self) -> &'static str {
        if matches!(self, Self::NotGranted { .. }) { "grants" } else { "component" }
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
        let entry = entry(linked, service.trigger()).map_err(|e| {
            let (export, _) = export_of(service.trigger());
            LoadError::OtherExport { path: path.to_owned(), export, reason: format!("{e:#}") }
        })?;
        Ok(Version { digest, entry, bytes })
    }

    /// Compiles a component, whatever it imports and exports: on a thread of its own, at low priority.
    ///
    /// # Errors
    /// It is none.
    pub async fn compile(&self, path: &Path, bytes: Arc<[u8]>) -> Result<Component, LoadError> {
        look_at(path, &bytes)?;
        let _turn = self.compiling.acquire().await.expect("this semaphore is never closed");
        let (engine, cache) = (self.engine.clone(), self.cache.clone());
        let content = bytes.clone();
        let compiled = engine::in_background(move || cache.component(&engine, &Digest::of(&content), &content)).await;
        compiled.map_err(|e| no_component(path, &bytes, &e))
    }

    /// What a component imports and this host does not have.
    pub fn lacking(&self, component: &Component) -> Vec<String> {
        lacking::lacking(&self.linker, component)
    }

    fn link(&self, path: &Path, component: &Component) -> Result<InstancePre<State>, LoadError> {
        self.linker.instantiate_pre(component).map_err(|_| {
            let list = self.lacking(component).iter().map(|import| format!("\n  {import}")).collect();
            LoadError::Lacking { path: path.to_owned(), list }
        })
    }
}

/// What the first bytes show, for a clearer message than the compiler's.
fn look_at(path: &Path, bytes: &[u8]) -> Result<(), LoadError> {
    let path = path.to_owned();
    match bytes {
        [] => Err(LoadError::Empty { path }),
        [b'\0', b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(LoadError::CoreModule { path }),
        [b'\0', b'a', b's', b'm', ..] => Ok(()),
        _ => Err(LoadError::NotAComponent { path, reason: "it does not begin as WebAssembly does".to_owned() }),
    }
}

fn no_component(path: &Path, bytes: &[u8], error: &wasmtime::Error) -> LoadError {
    let (path, reason) = (path.to_owned(), first_line(error));
    if names_wasi_03(bytes) { LoadError::Wasi03 { path, reason } } else { LoadError::NotAComponent { path, reason } }
}

/// Whether an import or export is named like `wasi:http/handler@0.3.0`.
fn names_wasi_03(bytes: &[u8]) -> bool {
    let is_version = |at: usize| bytes[at..].starts_with(b"@0.3.");
    let of_wasi = |at: usize| bytes[at.saturating_sub(LONGEST_NAME)..at].windows(5).any(|name| name == b"wasi:");
    (0..bytes.len()).any(|at| bytes[at] == b'@' && is_version(at) && of_wasi(at))
}

/// Longer than any interface of WASI.
const LONGEST_NAME: usize = 64;

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

/// What a trigger calls, and its key in the manifest.
fn export_of(trigger: Trigger<'_>) -> (&'static str, &'static str) {
    match trigger {
        Trigger::Http(_) => (HTTP_EXPORT, "http"),
        Trigger::Kafka(_) => (KAFKA_EXPORT, "kafka"),
    }
}

fn check_export(path: &Path, component: &Component, trigger: Trigger<'_>) -> Result<(), LoadError> {
    let (export, trigger) = export_of(trigger);
    let component_type = component.component_type();
    let exports: Vec<&str> = component_type.exports(component.engine()).map(|(name, _)| name).collect();
    if exports.iter().any(|name| capability::interface_of(name) == export) {
        return Ok(());
    }
    Err(LoadError::NoExport { path: path.to_owned(), export, trigger, mend: other_trigger(&exports) })
}

/// What the exports are good for instead.
fn other_trigger(exports: &[&str]) -> String {
    let exports_one = |wanted: &str| exports.iter().any(|name| capability::interface_of(name) == wanted);
    let mend = match () {
        () if exports.is_empty() => {
            return "it exports nothing: build it for that interface, see the page on components in the documentation"
                .to_owned();
        }
        () if exports_one(HTTP_EXPORT) => "give the service `http = { listen = … }` instead",
        () if exports_one(KAFKA_EXPORT) => "give the service `kafka = { topic = … }` instead",
        () if exports_one("wasi:cli/run") => "a program for a command line; build it for that interface instead",
        () => "build it for that interface",
    };
    format!("it exports {}: {mend}", exports.join(", "))
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
