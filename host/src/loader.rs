//! From the bytes of a file to a version that can answer: checked against trigger and grants, compiled, linked.

use std::path::Path;
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use crate::artifact::Artifact;
use crate::cache::Cache;
use crate::capability::{Capability, Package};
use crate::config::Service;
use crate::digest::Digest;
use crate::granted::Granted;
use crate::load_error::LoadError;
use crate::state::State;
use crate::trigger::{Entry, Trigger, Triggers};
use crate::world::World;
use crate::{engine, lacking};

/// One immutable build of a service's component, ready to be instantiated.
pub struct Version {
    /// The component itself, to check it against other grants, and to keep it.
    pub artifact: Artifact,
    /// What it was checked and linked for.
    pub trigger: Arc<dyn Trigger>,
    pub linked: InstancePre<State>,
    /// What the trigger calls.
    pub entry: Entry,
}

impl Version {
    /// The name of the version.
    pub fn digest(&self) -> &Digest {
        &self.artifact.digest
    }
}

/// Compiles components for one engine, and links them with the capabilities.
#[derive(Clone)]
pub struct Loader {
    engine: Engine,
    linker: Arc<Linker<State>>,
    capabilities: Arc<[Arc<dyn Capability>]>,
    cache: Cache,
    triggers: Triggers,
    /// One compilation at a time: the requests of the other versions need the processors too.
    compiling: Arc<tokio::sync::Semaphore>,
}

impl Loader {
    /// A loader whose components may import these capabilities, and are called by these triggers.
    ///
    /// # Errors
    /// Two capabilities claim the same interface.
    pub fn new(
        engine: Engine,
        cache: Cache,
        capabilities: &[Arc<dyn Capability>],
        triggers: Triggers,
    ) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(&engine);
        capabilities.iter().try_for_each(|capability| capability.add_to_linker(&mut linker))?;
        let compiling = Arc::new(tokio::sync::Semaphore::new(1));
        Ok(Self { engine, linker: Arc::new(linker), capabilities: capabilities.into(), cache, triggers, compiling })
    }

    /// Makes a version of a component for a service with these grants.
    ///
    /// # Errors
    /// What is wrong with the component, and what would mend it.
    pub async fn load(&self, artifact: Artifact, service: &Service, granted: &Granted) -> Result<Version, LoadError> {
        let path = artifact.source.name();
        let world = World::read(path, &artifact.bytes)?;
        let trigger = self.triggers.of(service).clone();
        world.check_export(path, &*trigger, &self.triggers)?;
        world.check_grants(path, &self.capabilities, granted)?;
        let component = self.compile(&artifact).await?;
        let linked = self.link(path, &component)?;
        let entry = trigger.entry(&linked).map_err(|e| {
            let reason = format!("{e:#}");
            LoadError::OtherExport { path: path.to_owned(), export: trigger.export(), reason }
        })?;
        Ok(Version { artifact, trigger, linked, entry })
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
        lacking::lacking(&self.linker, &packages(&self.capabilities), component)
    }

    fn link(&self, path: &Path, component: &Component) -> Result<InstancePre<State>, LoadError> {
        self.linker.instantiate_pre(component).map_err(|_| LoadError::lacking(path, &self.lacking(component)))
    }
}

fn packages(capabilities: &[Arc<dyn Capability>]) -> Vec<Package> {
    capabilities.iter().flat_map(|capability| capability.about().packages).copied().collect()
}

/// The rest shows the bytes.
fn first_line(error: &wasmtime::Error) -> String {
    format!("{error:#}").lines().next().unwrap_or_default().trim_end_matches(['=', '[']).to_owned()
}
