//! The store, as one Compose project of a clone.

use std::cell::Cell;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::clone::Clone;
use super::documented::Documented;
use super::engine::{Engine, output};
use crate::build;
use crate::stop::Stop;

/// A host that starts compiles its components; a JVM takes its time on a busy machine.
const WITHIN: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(300);
/// How the images are built where they are checked and not shipped.
const QUICK: &str = "services: {componentd: {build: {args: {IMAGE_OPTIONS: --quick}}}, \
                      mailbox: {build: {args: {IMAGE_OPTIONS: --quick}}}}\n";

/// What is published, and the variable with its port.
#[derive(Clone, Copy, Debug)]
pub enum Port {
    Users,
    Orders,
    Store,
    Shop,
    Admin,
    Postgres,
    Redis,
    Kafka,
    Mailbox,
}

const PORTS: [(Port, &str); 9] = [
    (Port::Users, "USERS_PORT"),
    (Port::Orders, "ORDERS_PORT"),
    (Port::Store, "STORE_PORT"),
    (Port::Shop, "SHOP_PORT"),
    (Port::Admin, "ADMIN_PORT"),
    (Port::Postgres, "POSTGRES_PORT"),
    (Port::Redis, "REDIS_PORT"),
    (Port::Kafka, "KAFKA_PORT"),
    (Port::Mailbox, "MAILBOX_PORT"),
];

/// A Compose project, and how to reach it.
pub struct Store<'a> {
    pub engine: &'a Engine,
    pub clone: Clone,
    stop: &'a Stop,
    ports: Vec<u16>,
    /// Files besides docker-compose.yml.
    overrides: Vec<String>,
    /// What the checks have counted so far.
    pub orders: Cell<u32>,
}

impl<'a> Store<'a> {
    /// With ports of its own, by the clone's `.env`.
    pub fn new(engine: &'a Engine, clone: Clone, stop: &'a Stop, release: bool) -> Result<Self> {
        let ports = free_ports(PORTS.len())?;
        let lines: Vec<_> =
            PORTS.iter().zip(&ports).map(|((_, variable), port)| format!("{variable}={port}\n")).collect();
        clone.write(".env", &lines.concat())?;
        let mut store = Self { engine, clone, stop, ports, overrides: Vec::new(), orders: Cell::new(0) };
        if !release {
            store.clone.write("quick.yml", QUICK)?;
            store.overrides.push("quick.yml".to_owned());
        }
        // Of a run that was interrupted.
        store.remove();
        Ok(store)
    }

    /// `docker compose` with these arguments, in the clone.
    pub fn command<'b>(&self, arguments: impl IntoIterator<Item = &'b str>) -> Command {
        let mut command = self.engine.docker(["compose", "--progress", "plain", "--file", "docker-compose.yml"]);
        for file in &self.overrides {
            command.args(["--file", file]);
        }
        command.args(arguments).current_dir(self.clone.path());
        for (_, variable) in PORTS {
            command.env_remove(variable);
        }
        command.env_remove("COMPOSE_PROJECT_NAME").env_remove("COMPOSE_FILE");
        command
    }

    /// What the command prints; it must succeed.
    pub fn compose<'b>(&self, arguments: impl IntoIterator<Item = &'b str>) -> Result<String> {
        output(&mut self.command(arguments))
    }

    /// The same, with a file as its standard input.
    pub fn compose_with_input<'b>(&self, input: &Path, arguments: impl IntoIterator<Item = &'b str>) -> Result<String> {
        let file = fs::File::open(input).with_context(|| format!("cannot read {}", input.display()))?;
        output(self.command(arguments).stdin(Stdio::from(file)))
    }

    /// Builds, starts, and waits until everything is healthy; what is built is shown.
    pub fn up(&self) -> Result<()> {
        let arguments = Documented::Up.arguments().into_iter().chain(["--wait-timeout", "300"]);
        build::run_in(self.clone.path(), &mut self.command(arguments))
    }

    /// What an operator's command says, within the host's container.
    pub fn componentd(&self, arguments: &[&str]) -> Result<String> {
        let words = ["exec", "-T", "componentd", "componentd"];
        self.compose(words.into_iter().chain(arguments.iter().copied()))
    }

    /// The container of a service.
    pub fn container(&self, service: &str) -> Result<String> {
        let id = self.compose(["ps", "--all", "--quiet", service])?;
        anyhow::ensure!(!id.is_empty(), "there is no container of {service}");
        Ok(id)
    }

    /// Something that Docker knows of a service's container.
    pub fn inspect(&self, service: &str, format: &str) -> Result<String> {
        let container = self.container(service)?;
        self.engine.ask(["inspect", "--format", format, &container])
    }

    /// Where a port is published.
    pub fn url(&self, port: Port, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port(port))
    }

    /// The port itself.
    pub fn port(&self, port: Port) -> u16 {
        self.ports[port as usize]
    }

    /// Waits until `condition` holds, or says what it said last.
    pub fn until(&self, what: &str, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + WITHIN;
        loop {
            let last = condition();
            match last {
                Ok(true) => return Ok(()),
                _ if self.stop.asked() => bail!("interrupted"),
                Ok(false) if Instant::now() > deadline => bail!("it never was so that {what}"),
                Err(error) if Instant::now() > deadline => return Err(error.context(format!("waited until {what}"))),
                _ => std::thread::sleep(POLL),
            }
        }
    }

    /// Waits until the answer has the text.
    pub fn until_has(&self, text: &str, mut answer: impl FnMut() -> Result<String>) -> Result<()> {
        let mut said = String::new();
        let waited = self.until(&format!("the answer has `{text}`"), || {
            said = answer().unwrap_or_else(|error| error.to_string());
            Ok(said.contains(text))
        });
        waited.with_context(|| format!("it says: {said}"))
    }

    /// For those who look for what went wrong.
    pub fn show_logs(&self) {
        let _ = self.command(["ps", "--all"]).status();
        let _ = self.command(["logs", "--tail", "40"]).status();
    }

    /// Its containers, networks, volumes and images.
    pub fn remove(&self) {
        let more = ["--remove-orphans", "--timeout", "20", "--rmi", "local"];
        let _ = self.compose(Documented::DownWithVolumes.arguments().into_iter().chain(more));
    }
}

/// Ports that nobody has now.
fn free_ports(count: usize) -> Result<Vec<u16>> {
    let listeners = (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<Vec<_>, _>>()?;
    Ok(listeners
        .iter()
        .map(|listener| listener.local_addr().map(|address| address.port()))
        .collect::<Result<_, _>>()?)
}
