//! A server process of ours: started, measured from outside, and ended by its id.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use dev_backends::spawner;
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// A consumer leaves its group, a relay sends its last batch.
const STOPS_WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);
/// `USER_HZ`, which Linux fixes for programs: the unit of the times in `/proc`.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running process; dropped, it is killed.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: PathBuf,
    pub started: Instant,
}

impl Server {
    /// Starts `command`; what it prints goes to `log`.
    ///
    /// # Errors
    /// The program is missing, or the log cannot be written.
    pub fn start(mut command: Command, log: &Path) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        command.env_remove("RUST_BACKTRACE").stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let started = Instant::now();
        let child = spawner::spawn(command, Signal::SIGKILL).with_context(|| format!("cannot start {program}"))?;
        Ok(Self { child, log: log.to_owned(), started })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `is_ready` says so.
    ///
    /// # Errors
    /// It ends, or is not ready in time; the message has its log.
    pub async fn ready(&mut self, within: Duration, mut is_ready: impl AsyncFnMut(&str) -> bool) -> Result<()> {
        let deadline = self.started + within;
        while !is_ready(&self.log()).await {
            if let Some(status) = self.child.try_wait()? {
                bail!("a server ended ({status}); {}:\n{}", self.log.display(), self.log());
            }
            if Instant::now() > deadline {
                bail!("a server is not ready after {within:?}; {}:\n{}", self.log.display(), self.log());
            }
            tokio::time::sleep(POLL / 5).await;
        }
        Ok(())
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Seconds of processor time that it has used, in user mode and in the kernel.
    ///
    /// # Errors
    /// It has ended.
    pub fn processor_seconds(&self) -> Result<f64> {
        let stat = self.proc("stat")?;
        let after_name = stat.rsplit_once(')').context("/proc/…/stat has a name in parentheses")?.1;
        let field = |index: usize| after_name.split_whitespace().nth(index).and_then(|text| text.parse::<f64>().ok());
        // The 14th and 15th field of the line; the first after the name is the third.
        let ticks = field(11).zip(field(12)).map(|(user, system)| user + system);
        Ok(ticks.context("/proc/…/stat has utime and stime")? / TICKS_PER_SECOND)
    }

    /// MiB of memory that it has resident.
    ///
    /// # Errors
    /// It has ended.
    pub fn resident_mebibytes(&self) -> Result<f64> {
        let rollup = self.proc("smaps_rollup")?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).context("smaps_rollup has Rss")?;
        let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().context("Rss is a number of kB")?;
        Ok(kibibytes / 1024.0)
    }

    /// Ends it in order, or after a while anyhow.
    pub async fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + STOPS_WITHIN;
        while self.runs() && Instant::now() < deadline {
            tokio::time::sleep(POLL).await;
        }
    }

    fn proc(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.id());
        fs::read_to_string(&path).with_context(|| format!("cannot read {path}: the server has ended"))
    }

    fn runs(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    fn signal(&mut self, signal: Signal) {
        if self.runs() {
            // It may end in between, which is what we want.
            let _ = signal::kill(Pid::from_raw(self.child.id().cast_signed()), signal);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
        let _ = self.child.wait();
    }
}
