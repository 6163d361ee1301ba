//! A private Redis on loopback.

use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::account::Account;
use crate::child_log::ChildLog;
use crate::error::{Doing, Error, Result};
use crate::folder::Folder;
use crate::process::{Process, Signals};
use crate::{port, programs, ready, secret};

const SERVER: &str = "redis-server";
/// Who runs it if we are root; the first is the one that Debian's package makes for it.
const ACCOUNTS: &[&str] = &["redis", "nobody"];
const SIGNALS: Signals = Signals { stop: Signal::SIGTERM, abort: Signal::SIGKILL };
const CONFIG: &str = "redis.conf";

/// The distribution's Redis: what it has acknowledged is on the disk.
#[derive(Debug)]
pub struct Redis {
    folder: Folder,
    password: String,
    port: u16,
    process: Option<Process>,
}

impl Redis {
    /// Serves the data below `data` on `port` (0: any free one).
    pub async fn start(data: &Path, port: u16) -> Result<Self> {
        programs::find(SERVER).ok_or(Error::Missing { program: SERVER, package: SERVER })?;
        let folder = Folder::open(SERVER, data, "redis", Account::unprivileged(SERVER, ACCOUNTS)?).await?;
        let password = secret::password(&folder)?;
        let mut redis = Self { folder, password, port: port::free(port)?, process: None };
        redis.restart().await?;
        Ok(redis)
    }

    /// `redis://:password@127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}", self.password, self.port)
    }

    /// Said to the user if the data is not where they would look for it.
    pub fn notice(&self) -> Option<String> {
        self.folder.notice()
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
        self.folder.vacant(SERVER).await?;
        port::free(self.port)?;
        secret::write_private(&self.folder, CONFIG, &self.config()).doing(|| format!("write {CONFIG}"))?;
        let log = ChildLog::new(self.folder.path(), "server");
        let process = self.process.insert(Process::start(SERVER, self.command(), SIGNALS, log)?);
        let (port, password) = (self.port, &self.password);
        ready::until(process, async || answers(port, password).await.is_ok_and(|yes| yes)).await
    }

    /// Its process, while it runs.
    pub fn process(&mut self) -> Option<&mut Process> {
        self.process.as_mut()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(SERVER);
        command.arg(CONFIG).current_dir(self.folder.path());
        self.folder.account().apply(&mut command);
        command
    }

    /// A file, because arguments can be read by every user. `appendfsync always`: a reply means that it is on the disk,
    /// as with Postgres; Redis' own default may lose a second.
    fn config(&self) -> String {
        let Self { port, password, .. } = self;
        format!(
            "bind 127.0.0.1\nport {port}\nprotected-mode yes\nrequirepass {password}\n\
             appendonly yes\nappendfsync always\nsave \"\"\ndaemonize no\n"
        )
    }
}

/// Whether it answers, and has loaded its data.
async fn answers(port: u16, password: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(format!("AUTH {password}\r\nPING\r\nQUIT\r\n").as_bytes()).await?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await?;
    Ok(reply.contains("+PONG"))
}
