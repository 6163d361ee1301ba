//! The host: its binary as a child process, with everything that the manifest takes from the environment.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use dev_backends::spawner;
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::http::{ADMIN_TOKEN, Http};
use crate::stage::Stage;

/// The longest drain is that of a request at its deadline, a relay's last batch, and a consumer that leaves.
const STOPS_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
const ASK_TIMEOUT: Duration = Duration::from_secs(6);

/// Where one host listens.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    users: u16,
    orders: u16,
    store: u16,
    admin: u16,
}

impl Ports {
    /// Four that are free.
    ///
    /// # Errors
    /// There are none.
    pub fn free() -> Result<Self> {
        let free = crate::ports::free;
        Ok(Self { users: free()?, orders: free()?, store: free()?, admin: free()? })
    }

    /// `POST /signup` and so on.
    pub fn url(&self, path: &str) -> String {
        let port = match path {
            "/signup" => self.users,
            "/order" => self.orders,
            "/checkout" => self.store,
            _ => self.admin,
        };
        format!("http://127.0.0.1:{port}{path}")
    }

    /// A host that comes back finds the folder of its own that it left.
    fn environment(&self) -> [(&'static str, String); 8] {
        let listen = |port| format!("127.0.0.1:{port}");
        [
            ("USERS_LISTEN", listen(self.users)),
            ("ORDERS_LISTEN", listen(self.orders)),
            ("STORE_LISTEN", listen(self.store)),
            ("SHOP_LISTEN", listen(0)),
            ("ADMIN_LISTEN", listen(self.admin)),
            ("ADMIN_TOKEN", ADMIN_TOKEN.to_owned()),
            ("ORDERS_URL", format!("http://127.0.0.1:{}", self.orders)),
            ("COMPONENTD_STATE", format!("state-{}", self.admin)),
        ]
    }
}

/// Starts hosts.
#[derive(Debug)]
pub struct Launcher {
    pub stage: Stage,
    pub environment: Vec<(&'static str, String)>,
    /// Where each writes a log of its own.
    pub logs: PathBuf,
    pub started: AtomicU32,
}

impl Launcher {
    /// A new process on these ports.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn launch(&self, ports: Ports) -> Result<Host> {
        let name = format!("host-{}", self.started.fetch_add(1, Ordering::Relaxed) + 1);
        let log = File::create(self.logs.join(&name).with_extension("log"))?;
        let mut command = Command::new(self.stage.binary());
        command.arg("run").current_dir(self.stage.folder()).envs(self.environment.clone()).envs(ports.environment());
        command.env_remove("RUST_BACKTRACE").stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = spawner::spawn(command, Signal::SIGKILL).context("cannot start the host")?;
        Ok(Host { child, ports, name })
    }
}

/// A host that runs, or has ended.
#[derive(Debug)]
pub struct Host {
    child: Child,
    pub ports: Ports,
    /// That of its log.
    pub name: String,
}

impl Host {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// `kill -9`.
    pub async fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.wait().await;
    }

    /// SIGTERM: how it ended, if it did in time.
    pub async fn stop(&mut self) -> Option<ExitStatus> {
        self.signal(Signal::SIGTERM);
        self.wait().await
    }

    /// Whether the page of the admin port was answered with 200 in time.
    pub async fn answers(&mut self, http: &Http, path: &str, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline && self.ended().is_none() {
            if http.get(&self.ports.url(path), ASK_TIMEOUT).await.is_ok_and(|reply| reply.status == 200) {
                return true;
            }
            tokio::time::sleep(POLL * 5).await;
        }
        false
    }

    async fn wait(&mut self) -> Option<ExitStatus> {
        let deadline = Instant::now() + STOPS_WITHIN;
        while self.ended().is_none() && Instant::now() < deadline {
            tokio::time::sleep(POLL).await;
        }
        self.ended()
    }

    fn signal(&mut self, signal: Signal) {
        if self.ended().is_none() {
            // It may end in between, which the wait finds out.
            let _ = signal::kill(Pid::from_raw(self.child.id().cast_signed()), signal);
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
        let _ = self.child.wait();
    }
}
