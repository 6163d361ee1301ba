//! The host as a server process: its manifest, its port, and when it is ready.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::callgrind::Callgrind;
use crate::candidate::Candidate;
use crate::ports;
use crate::server::Server;
use crate::site::Site;
use crate::world::World;

/// The first start compiles everything, on threads of low priority.
const READY_WITHIN: Duration = Duration::from_secs(300);

/// So that calls stay on the threads that they stay on at full speed: each turn takes fifty times as long.
const SMALL_HOST: &str = "[host]\ninstances = 4\nlong-turn = \"1m\"\n";

/// As many as instances, and time enough for a program that runs fifty times slower.
const SMALL_LIMITS: &str = "limits.concurrency = 4\nlimits.cpu = \"60s\"\nlimits.timeout = \"120s\"\n";

/// How a host is started.
#[derive(Clone, Debug)]
pub struct Host {
    /// Names its manifest, log and state folder: with the same name, it finds what it compiled before.
    pub name: String,
    pub manifest: String,
    pub environment: Vec<(&'static str, String)>,
    pub admin: u16,
    pub under: Option<Callgrind>,
}

/// What its admin port asks for.
pub const ADMIN_TOKEN: &str = "bench";

impl Host {
    /// With these services, and nothing else but its admin port.
    ///
    /// # Errors
    /// No port is free.
    pub fn new(name: &str, services: &str) -> Result<Self> {
        let admin = ports::free()?;
        let manifest = format!(
            "[host]\nstate = \"state-{name}\"\n\n[admin]\nlisten = \"127.0.0.1:{admin}\"\ntoken = \"{ADMIN_TOKEN}\"\nmax-upload = \"64MiB\"\n\n{services}"
        );
        Ok(Self { name: name.to_owned(), manifest, environment: Vec::new(), admin, under: None })
    }

    /// For as little address space as valgrind has.
    pub fn small(mut self) -> Self {
        self.manifest = self.manifest.replace("[host]\n", SMALL_HOST);
        for isolation in ["isolation = \"reuse\"\n", "isolation = \"request\"\n"] {
            self.manifest = self.manifest.replace(isolation, &format!("{isolation}{SMALL_LIMITS}"));
        }
        self
    }

    /// Nothing is left of earlier runs.
    pub fn forget(&self, world: &World) {
        // It may not be there, which is what we want.
        let _ = fs::remove_dir_all(world.out.join(format!("state-{}", self.name)));
    }

    /// Starts it, ready or not.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(&self, world: &World) -> Result<Server> {
        let manifest = world.out.join(&self.name).with_extension("toml");
        fs::write(&manifest, &self.manifest).with_context(|| format!("cannot write {}", manifest.display()))?;
        let program = world.host()?;
        let under = self.under.as_ref();
        let mut command = under.map_or_else(|| Command::new(&program), |callgrind| callgrind.command(&program));
        command.args(["run", "--manifest"]).arg(&manifest);
        // Without a line for each request: the native services write none.
        command.env("COMPONENTD_LOG", "warn").envs(self.environment.clone());
        Server::start(command, &world.out.join(&self.name).with_extension("log"))
    }

    /// Starts it, and waits until it says that everything is ready.
    ///
    /// # Errors
    /// It does not become ready; the message has its log.
    pub async fn ready(&self, world: &World) -> Result<Server> {
        if self.under.is_some() {
            // What compiles is a process that valgrind does not start: a start without it fills the cache.
            Box::pin(Self { under: None, ..self.clone() }.ready(world)).await?.stop().await;
        }
        let mut server = self.start(world)?;
        let url = format!("{}/readyz", ports::url(self.admin));
        server.ready(READY_WITHIN, async |_| world.http.get(&url).await.is_ok_and(|reply| reply.status == 200)).await?;
        Ok(server)
    }

    /// A site of this one process.
    ///
    /// # Errors
    /// It does not become ready.
    pub async fn site(&self, world: &World, ports: &[u16]) -> Result<Site> {
        Ok(Site::new(self.ready(world).await?, ports.iter().map(|port| ports::url(*port)).collect()))
    }
}

/// One service for each component, on these ports.
pub fn http_services(candidate: Candidate, components: &[PathBuf], ports: &[u16], limits: &str) -> String {
    let mut services = String::new();
    for (number, (component, port)) in components.iter().zip(ports).enumerate() {
        let (component, isolation) = (component.display(), candidate.isolation());
        writeln!(
            services,
            "[services.hello-{number:03}]\ncomponent = \"{component}\"\nisolation = \"{isolation}\"\n\
             http = {{ listen = \"127.0.0.1:{port}\", max-connections = 2000 }}\n{limits}\n"
        )
        .expect("a string takes everything");
    }
    services
}

/// Room for a thousand connections, each with a request.
pub const LIMITS: &str = "limits = { queue = 2000 }\n";
