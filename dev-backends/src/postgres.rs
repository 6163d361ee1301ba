//! A private Postgres on loopback.

use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::child_log::ChildLog;
use crate::error::Result;
use crate::postgres_cluster::{Cluster, SERVER, USER};
use crate::process::{Process, Signals};
use crate::{port, postgres_databases, ready};

/// SIGINT rolls open transactions back and writes a checkpoint; SIGQUIT leaves that to the next start.
const SIGNALS: Signals = Signals { stop: Signal::SIGINT, abort: Signal::SIGQUIT };
/// Three pools of the host, and tests that run side by side.
const MAX_CONNECTIONS: &str = "max_connections=200";

/// The distribution's Postgres, with its defaults: what it has committed survives a power cut.
#[derive(Debug)]
pub struct Postgres {
    cluster: Cluster,
    port: u16,
    process: Option<Process>,
}

impl Postgres {
    /// Serves the data below `data` on `port` (0: any free one), and creates what is missing of the databases that
    /// `init_sql` creates.
    pub async fn start(data: &Path, port: u16, init_sql: &str) -> Result<Self> {
        let cluster = Cluster::open(data).await?;
        let mut postgres = Self { cluster, port: port::free(port)?, process: None };
        postgres.restart().await?;
        postgres_databases::create(&postgres.url(), init_sql).await?;
        Ok(postgres)
    }

    /// `postgres://user:password@127.0.0.1:port/postgres`: the path is the database, put yours there.
    pub fn url(&self) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/postgres", self.cluster.password(), self.port)
    }

    /// Said to the user if the data is not where they would look for it.
    pub fn notice(&self) -> Option<String> {
        self.cluster.folder().notice()
    }

    /// Stops it in order.
    pub async fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop().await;
        }
    }

    /// Ends it as a power cut would.
    pub async fn kill9(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill9().await;
        }
    }

    /// Starts it again, on the same port and data.
    pub async fn restart(&mut self) -> Result<()> {
        self.stop().await;
        self.cluster.make_ready().await?;
        port::free(self.port)?;
        let url = self.url();
        let log = ChildLog::new(self.cluster.folder().path(), "server");
        let process = self.process.insert(Process::start(SERVER, self.command(), SIGNALS, log)?);
        ready::until(process, async || postgres_databases::answers(&url).await).await
    }

    /// Its process, while it runs.
    pub fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    fn command(&self) -> Command {
        let mut command = self.cluster.tool("postgres");
        command.arg("-D").arg(self.cluster.data());
        // Without a socket file there is no path that could be too long for one.
        for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", MAX_CONNECTIONS] {
            command.args(["-c", setting]);
        }
        command.args(["-c", &format!("port={}", self.port)]);
        command
    }
}
