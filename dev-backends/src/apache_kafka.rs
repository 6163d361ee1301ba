//! A real Apache Kafka: one KRaft node on the JVM.
//!
//! Without a password: whoever can connect to loopback can read and write it while it runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;
use tokio::net::TcpStream;

use crate::account::Account;
use crate::child_log::ChildLog;
use crate::error::{Doing, Error, Result};
use crate::folder::Folder;
use crate::kafka_properties::{self, Proxied};
use crate::process::{Process, Signals};
use crate::{port, programs, ready, topics};

const SERVER: &str = "kafka";
const SIGNALS: Signals = Signals { stop: Signal::SIGTERM, abort: Signal::SIGKILL };
const PROPERTIES: &str = "server.properties";
/// Any 16 bytes, in base64; these say `componentd-kafka`.
const CLUSTER_ID: &str = "Y29tcG9uZW50ZC1rYWZrYQ";
/// A broker with four partitions needs no more; the quick compiler and collector halve its start.
const JVM: &[&str] = &["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN"];

/// The broker of [`kafka_jars`](crate::kafka_jars), with [`topics::TOPICS`] on it.
#[derive(Debug)]
pub struct ApacheKafka {
    jars: PathBuf,
    folder: Folder,
    port: u16,
    controller: u16,
    proxied: Option<Proxied>,
    process: Option<Process>,
}

impl ApacheKafka {
    /// Serves the data below `data` on `port` (0: any free one), with the jars in `jars`.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no Java on this machine.
    pub async fn start(jars: &Path, data: &Path, port: u16) -> Result<Self> {
        Self::start_with(jars, data, port, None).await
    }

    /// As [`start`](Self::start), with a second listener for clients behind a proxy.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(jars: &Path, data: &Path, port: u16, proxied: Option<Proxied>) -> Result<Self> {
        programs::find("java").ok_or(Error::Missing { program: "java", package: "default-jre-headless" })?;
        let jars = jars.canonicalize().doing(|| format!("find the jars of Kafka in {}", jars.display()))?;
        let folder = Folder::open(SERVER, data, "kafka", Account::ours()).await?;
        let (port, controller) = (port::free(port)?, port::free(0)?);
        let mut kafka = Self { jars, folder, port, controller, proxied, process: None };
        kafka.format()?;
        kafka.restart().await?;
        Ok(kafka)
    }

    /// `127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("127.0.0.1:{}", self.port)
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
        self.folder.vacant("java").await?;
        port::free(self.port)?;
        let mut command = self.java("kafka.Kafka");
        command.arg(PROPERTIES);
        let log = ChildLog::new(self.folder.path(), "server");
        let process = self.process.insert(Process::start(SERVER, command, SIGNALS, log)?);
        let port = self.port;
        ready::until(process, async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await?;
        topics::create(&self.url()).await
    }

    /// Its process, while it runs.
    pub fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    /// Makes the log folder the node's own; one that is formatted already stays as it is.
    fn format(&self) -> Result<()> {
        let logs = self.folder.path().join("logs");
        let properties = kafka_properties::server(self.port, self.controller, self.proxied, &logs.to_string_lossy());
        fs::write(self.folder.path().join(PROPERTIES), properties).doing(|| format!("write {PROPERTIES}"))?;
        if logs.join("meta.properties").exists() {
            return Ok(());
        }
        let mut tool = self.java("kafka.tools.StorageTool");
        tool.args(["format", "--config", PROPERTIES, "--cluster-id", CLUSTER_ID, "--ignore-formatted"]);
        check(&mut tool)
    }

    fn java(&self, class: &str) -> Command {
        let mut command = Command::new("java");
        command.args(JVM).arg("-cp").arg(self.jars.join("*")).arg(class).current_dir(self.folder.path());
        command
    }
}

fn check(command: &mut Command) -> Result<()> {
    let output = command.output().doing(|| "run Kafka's StorageTool".to_owned())?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Err(Error::Tool { tool: "Kafka's StorageTool", status: output.status.to_string(), output: text })
}
