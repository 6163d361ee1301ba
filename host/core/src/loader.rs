//! From the bytes of a file to a version that can answer: checked against trigger and grants, compiled, linked.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use componentd_config::Service;
use tracing::info;
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::artifact::Artifact;
use crate::cache::Cache;
use crate::capability::{Capability, Package};
use crate::compiler::{CompileError, Compiler, Compilers};
use crate::digest::Digest;
use crate::entry_point::{Entry, EntryPoint, EntryPoints};
use crate::granted::Granted;
use crate::load_error::LoadError;
use crate::lookups::Lookups;
use crate::state::State;
use crate::world::World;
use crate::{engine, lacking};

/// One immutable build of a service's component, ready to be instantiated.
pub struct Version {
    /// The component itself, to check it against other grants, and to keep it.
    pub artifact: Artifact,
    /// What it was checked and linked for.
    pub entry_point: Arc<dyn EntryPoint>,
    /// The compiled component with its imports bound: an instance is made from it without looking up anything.
    pub linked: InstancePre<State>,
    /// How many linear memories one instance has.
    pub memories: usize,
    /// Finds that in an instance.
    pub entry: Entry,
    /// What programs that embed the host call.
    pub lookups: Lookups,
}

impl Version {
    /// The name of the version.
    pub fn digest(&self) -> &Digest {
        &self.artifact.digest
    }
}

/// A component that exports what a service's trigger calls, and imports only what is granted to it.
pub struct Checked {
    /// Its bytes and their name; nothing of it is compiled yet.
    pub artifact: Artifact,
    /// What the trigger of the service calls in it.
    pub entry_point: Arc<dyn EntryPoint>,
    /// How many linear memories one instance has.
    pub memories: usize,
}

/// Compiles components for one engine, and links them with the capabilities.
#[derive(Clone)]
pub struct Loader {
    engine: Engine,
    linker: Arc<Linker<State>>,
    capabilities: Arc<[Arc<dyn Capability>]>,
    cache: Cache,
    entry_points: EntryPoints,
    compilers: Compilers,
}

impl Loader {
    /// A loader whose components may import these capabilities, and are called by these entry points.
    ///
    /// # Errors
    /// Two capabilities claim the same interface.
    pub fn new(
        engine: Engine,
        compiler: Compiler,
        cache: Cache,
        capabilities: &[Arc<dyn Capability>],
        entry_points: EntryPoints,
    ) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(&engine);
        for capability in capabilities {
            let added = capability.add_to_linker(&mut linker);
            added.map_err(|error| {
                error.context(format!("what `{}` offers is there already", capability.about().name))
            })?;
        }
        let compilers = Compilers::new(engine.clone(), compiler);
        Ok(Self { engine, linker: Arc::new(linker), capabilities: capabilities.into(), cache, entry_points, compilers })
    }

    /// Reads from its bytes whether a component is one for a service with these grants. Nothing is compiled.
    ///
    /// # Errors
    /// What is wrong with the component, and what would mend it.
    pub fn check(&self, artifact: Artifact, service: &Service, granted: &Granted) -> Result<Checked, LoadError> {
        let path = artifact.source.name();
        let world = World::read(path, &artifact.bytes)?;
        let entry_point = self.entry_points.of(service).clone();
        world.check_export(path, &*entry_point, &self.entry_points)?;
        world.check_grants(path, &self.capabilities, granted)?;
        let (memories, places) = (world.memories, service.limits.concurrency);
        if memories > places {
            return Err(LoadError::NoPlaces { path: path.to_owned(), memories, places });
        }
        Ok(Checked { artifact, entry_point, memories })
    }

    /// Makes a version of a component for the service that it was checked for.
    ///
    /// # Errors
    /// What is wrong with the component, and what would mend it.
    pub async fn build(&self, name: &str, checked: Checked) -> Result<Version, LoadError> {
        let Checked { artifact, entry_point, memories } = checked;
        let path = artifact.source.name();
        let component = self.compile(name, &artifact).await?;
        let linked = self.link(path, &component)?;
        let entry = entry_point.entry(&linked).map_err(|e| {
            let reason = format!("{e:#}");
            LoadError::OtherExport { path: path.to_owned(), export: entry_point.export().unwrap_or_default(), reason }
        })?;
        Ok(Version { artifact, entry_point, linked, memories, entry, lookups: Lookups::default() })
    }

    /// Compiles a component, whatever it imports and exports, unless that was done before. `name` is for the log.
    ///
    /// # Errors
    /// It is none, or takes more than the compiler may.
    pub async fn compile(&self, name: &str, artifact: &Artifact) -> Result<Component, LoadError> {
        let (version, bytes, start) = (&artifact.digest, artifact.bytes.len(), Instant::now());
        let millis = || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Some(component) = self.cached(version).await {
            info!(service = name, %version, bytes, millis = millis(), "compiled before, from the cache");
            return Ok(component);
        }
        info!(service = name, %version, bytes, "compiling");
        let path = artifact.source.name();
        let code = self.compilers.compile(artifact.bytes.clone()).await.map_err(|e| LoadError::compile(path, e))?;
        let component = self.loaded(version, code).await;
        let component = component.map_err(|e| LoadError::compile(path, CompileError::Failed(format!("{e:#}"))))?;
        info!(service = name, %version, bytes, millis = millis(), "compiled");
        Ok(component)
    }

    async fn cached(&self, version: &Digest) -> Option<Component> {
        let (engine, cache, version) = (self.engine.clone(), self.cache.clone(), version.clone());
        engine::in_background(move || cache.find(&engine, &version)).await
    }

    /// Machine code that was made just now, and is kept for the next time.
    async fn loaded(&self, version: &Digest, code: Vec<u8>) -> wasmtime::Result<Component> {
        let (engine, cache, version) = (self.engine.clone(), self.cache.clone(), version.clone());
        engine::in_background(move || {
            // SAFETY: these bytes are what the compiler gave for an engine of this configuration. It is this process, or one
            // that it has started, of a program that it trusts as itself.
            let component = unsafe { Component::deserialize(&engine, &code) }?;
            cache.keep(&engine, &version, &code);
            Ok(component)
        })
        .await
    }

    /// What a component imports and this host does not have.
    pub fn lacking(&self, component: &Component) -> Vec<String> {
        lacking::lacking(&self.linker, &packages(&self.capabilities), component)
    }

    fn link(&self, path: &Path, component: &Component) -> Result<InstancePre<State>, LoadError> {
        self.linker.instantiate_pre(component).map_err(|_| LoadError::lacking(path, &self.lacking(component)))
    }
}

fn packages(capabilities: &[Arc<dyn Capability>]) -> Vec<Package> {
    capabilities.iter().flat_map(|capability| capability.about().packages).copied().collect()
}
