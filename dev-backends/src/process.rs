//! A server as a child process: it ends when we do, however we do.

use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::child_log::ChildLog;
use crate::error::{Doing, Error, Result};
use crate::spawner;

/// How long a server may take to end in order.
const GRACE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(10);

/// How a server is told to end.
#[derive(Clone, Copy, Debug)]
pub struct Signals {
    /// In order: finish, write everything, go.
    pub stop: Signal,
    /// At once, taking its own children along; also what it gets when we die.
    pub abort: Signal,
}

/// A running child.
#[derive(Debug)]
pub struct Process {
    server: &'static str,
    child: Child,
    signals: Signals,
    log: ChildLog,
}

impl Process {
    /// Starts `command`, its output going to `log`.
    pub fn start(server: &'static str, mut command: Command, signals: Signals, log: ChildLog) -> Result<Self> {
        log.attach(&mut command).doing(|| format!("write {}", log.path().display()))?;
        let child = spawner::spawn(command, signals.abort).doing(|| format!("start {server}"))?;
        Ok(Self { server, child, signals, log })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Said when it has ended though nobody asked it to.
    pub fn obituary(&mut self) -> Option<String> {
        let status = self.ended()?;
        let Self { server, log, .. } = self;
        Some(format!("{server} has ended ({status}); the end of {}:\n{}", log.path().display(), log.tail()))
    }

    /// Ends it in order, or 15 seconds later anyhow.
    pub async fn stop(mut self) {
        self.signal(self.signals.stop);
        if !self.ends_within(GRACE).await {
            self.kill9().await;
        }
    }

    /// Ends it as a power cut would.
    pub async fn kill9(mut self) {
        self.signal(Signal::SIGKILL);
        self.ends_within(GRACE).await;
    }

    /// The error for a server that ended or never answered.
    pub fn not_ready(&self, reason: impl Into<String>) -> Error {
        let (log, tail) = (self.log.path().to_owned(), self.log.tail());
        Error::NotReady { server: self.server, reason: reason.into(), log, tail }
    }

    fn signal(&mut self, signal: Signal) {
        if self.ended().is_none() {
            // It may end in between, which is what we want.
            let _ = signal::kill(Pid::from_raw(self.child.id().cast_signed()), signal);
        }
    }

    async fn ends_within(&mut self, grace: Duration) -> bool {
        let deadline = Instant::now() + grace;
        while self.ended().is_none() && Instant::now() < deadline {
            tokio::time::sleep(POLL).await;
        }
        self.ended().is_some()
    }
}

impl Drop for Process {
    /// For whoever forgot to stop it: a panicking test, say.
    fn drop(&mut self) {
        self.signal(self.signals.abort);
        let deadline = Instant::now() + GRACE;
        while self.ended().is_none() && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        self.signal(Signal::SIGKILL);
    }
}
