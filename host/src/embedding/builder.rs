//! What a program that embeds a host says before it starts.

use std::path::PathBuf;
use std::sync::Arc;

use componentd_config::Manifest;
use componentd_core::capability::Capability;
use componentd_core::compiler::Compiler;
use componentd_core::error::StartError;
use componentd_ingress::cron::Clock;

use crate::capabilities::default_capabilities;
use crate::host::Host;

/// A host that is about to be started: see [`Host::builder`].
#[must_use = "nothing runs before it is started"]
pub struct HostBuilder {
    manifest: Manifest,
    capabilities: Option<Vec<Arc<dyn Capability>>>,
    more: Vec<Arc<dyn Capability>>,
    watched: Option<PathBuf>,
    compiler: Option<PathBuf>,
    clock: Clock,
}

impl HostBuilder {
    /// A host without a service.
    pub(crate) fn new() -> Self {
        let manifest = Manifest::of(Default::default());
        Self { manifest, capabilities: None, more: Vec::new(), watched: None, compiler: None, clock: Clock::system() }
    }

    /// What the host runs. Without it there is no service until [`Host::apply`] brings one.
    pub fn manifest(mut self, manifest: Manifest) -> Self {
        self.manifest = manifest;
        self
    }

    /// What components may ask the host for, in place of [`default_capabilities`].
    pub fn capabilities(mut self, capabilities: Vec<Arc<dyn Capability>>) -> Self {
        self.capabilities = Some(capabilities);
        self
    }

    /// One capability more.
    pub fn capability(mut self, capability: impl Capability) -> Self {
        self.more.push(Arc::new(capability));
        self
    }

    /// The file of the manifest: what changes in it, and in the files of components, is carried out while the host runs. It is
    /// not read at the start.
    pub fn watch(mut self, manifest: impl Into<PathBuf>) -> Self {
        self.watched = Some(manifest.into());
        self
    }

    /// A program `componentd` of the same version, as `/usr/bin/componentd`: each component is compiled by a process of it, which
    /// may take as much time and memory as `compile-time` and `compile-memory` of `[host]` say. What it writes is run, so it is
    /// to be trusted as this program is.
    ///
    /// Without it components are compiled within this process, on threads of low priority. What a component is made of is
    /// bounded all the same; how long that takes, and how much memory, is not, and it does not end before its end.
    pub fn compiler(mut self, program: impl Into<PathBuf>) -> Self {
        self.compiler = Some(program.into());
        self
    }

    /// The time by which schedules run, in place of the machine's: a test sets its own.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Starts all that the manifest names: load, migrate, bind, and only then serve. A service whose database is away is
    /// started all the same, and cannot be called until the database is there.
    ///
    /// # Errors
    /// The first thing that is not as it must be. Nothing has been served then.
    pub async fn start(self) -> Result<Host, StartError> {
        let Self { manifest, capabilities, more, watched, compiler, clock } = self;
        let mut capabilities = capabilities.unwrap_or_else(default_capabilities);
        capabilities.extend(more);
        let compiler = match compiler {
            Some(program) => Compiler::Process(program, (&manifest.host).into()),
            None => Compiler::Within,
        };
        let mut host = Host::start_with(manifest, &capabilities, compiler, clock).await?;
        if let Some(path) = watched {
            host.watch(path);
        }
        Ok(host)
    }
}
