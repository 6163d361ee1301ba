//! Where everything is, and what is started once for all.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use dev_backends::Scratch;
use tokio::sync::OnceCell;

use crate::backends::Backends;
use crate::http::Http;
use crate::machine::Machine;
use crate::options::Options;
use crate::repository::root;
use crate::sheet::Sheet;

/// One run.
pub struct World {
    pub options: Options,
    pub http: Http,
    /// Where manifests, logs and state folders are.
    pub out: PathBuf,
    backends: OnceCell<Backends>,
    scratch: Scratch,
}

impl World {
    /// With nothing started yet; manifests, logs and state folders go to `out`.
    ///
    /// # Errors
    /// A folder cannot be made.
    pub fn new(options: Options, out: PathBuf) -> Result<Self> {
        fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
        Ok(Self { options, http: Http::default(), out, backends: OnceCell::new(), scratch: Scratch::new()? })
    }

    /// Postgres, Redis and Kafka, started when they are first needed.
    ///
    /// # Errors
    /// One of them does not start.
    pub async fn backends(&self) -> Result<&Backends> {
        self.backends.get_or_try_init(|| Backends::start(&self.options, self.scratch.path())).await
    }

    /// Ends what was started.
    pub async fn stop(mut self) {
        if let Some(backends) = self.backends.take() {
            backends.stop().await;
        }
    }

    /// The host.
    ///
    /// # Errors
    /// It is not built.
    pub fn host(&self) -> Result<PathBuf> {
        match &self.options.host {
            Some(host) => existing(host.clone(), "cargo xtask release builds it"),
            None => beside("componentd"),
        }
    }

    /// The native services.
    ///
    /// # Errors
    /// They are not built.
    pub fn native(&self) -> Result<PathBuf> {
        beside("native")
    }

    /// Where the tools are that cargo installs.
    pub fn tools(&self) -> PathBuf {
        self.options.tools.clone().unwrap_or_else(|| root().join("target/tools/bin"))
    }

    /// A built component or guest.
    ///
    /// # Errors
    /// It is not built.
    pub fn component(&self, path: &str) -> Result<PathBuf> {
        existing(root().join(path), "cargo xtask components and cargo xtask guests build it")
    }

    /// An empty sheet for a scenario of this run.
    pub fn sheet(&self, scenario: &str, about: &str) -> Sheet {
        Sheet {
            scenario: scenario.to_owned(),
            about: about.to_owned(),
            machine: Machine::here(),
            rounds: self.options.rounds(),
            seconds: self.options.seconds(),
            ..Sheet::default()
        }
    }

    /// Everybody's turns: in each round another begins, so that nobody always follows the same.
    pub fn turns<T: Copy>(&self, of: &[T]) -> Vec<T> {
        let rounds = 0..self.options.rounds();
        rounds.flat_map(|round| (0..of.len()).map(move |turn| of[(round + turn) % of.len()])).collect()
    }
}

/// Shown while it runs, for those who wait.
pub fn turn(what: &str) {
    eprintln!("    {what}");
}

/// A binary that cargo has put into the folder of this one, or above it, where this one is a test.
fn beside(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} is missing beside {}: cargo build builds it", own.display()))
}

fn existing(path: PathBuf, hint: &str) -> Result<PathBuf> {
    if !path.is_file() {
        bail!("{} is missing: {hint}", path.display());
    }
    Ok(path)
}
