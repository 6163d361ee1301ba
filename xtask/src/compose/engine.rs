//! The Docker engine: the one that answers, or one of our own for as long as we run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use nix::unistd::Uid;

use crate::packages::{self, DOCKER};
use crate::project::{find, step};
use crate::stop::Stop;
use crate::{build, child};

/// It loads modules of the kernel and makes its network.
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);
/// It ends its containers first.
const GRACE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(200);

/// What `docker` talks to.
pub struct Engine {
    /// What we keep between two runs.
    folder: PathBuf,
    /// Ours, and where its socket is; else it is the one that `docker` finds by itself.
    own: Option<(Child, PathBuf)>,
    /// The client's settings and plugins, where its own do not do.
    config: Option<PathBuf>,
}

impl Engine {
    /// The one that answers, or a new one with its data in `folder`.
    pub fn reach_or_start(folder: &Path, stop: &Stop) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut engine = Self { folder: folder.to_owned(), own: None, config: None };
        if find("docker").is_some() && engine.answers() {
            return Ok(engine);
        }
        if !Uid::effective().is_root() {
            bail!("no Docker engine answers, and only root can start one: start Docker, or run this as root");
        }
        packages::ensure(&[DOCKER])?;
        if find("docker").is_none() {
            bail!("there is an engine here and no `docker` to use it with: install docker-cli");
        }
        engine.start(stop)?;
        Ok(engine)
    }

    /// `docker` with these arguments.
    pub fn docker<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new("docker");
        self.prepare(&mut command);
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Makes `command`, and what it starts, use this engine.
    pub fn prepare(&self, command: &mut Command) {
        if let Some((_, socket)) = &self.own {
            command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
        }
        if let Some(config) = &self.config {
            command.env("DOCKER_CONFIG", config);
        }
        // Docker's client is told how its engine is reached, and by nobody else.
        command.env_remove("DOCKER_CONTEXT");
    }

    /// Shows the command, and insists that it succeeds.
    pub fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<()> {
        build::run(&mut self.docker(arguments))
    }

    /// What the command prints; an error has what it says.
    pub fn ask<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<String> {
        output(&mut self.docker(arguments))
    }

    /// Whether it is ours alone, with nobody else's images.
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// The folder for what a next run can use.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// From now on, the client's settings and plugins are in this folder.
    pub fn use_config(&mut self, config: PathBuf) {
        self.config = Some(config);
    }

    /// Ends it if it is ours.
    pub fn end(&mut self) {
        if let Some((mut child, socket)) = self.own.take() {
            step("stopping the Docker engine");
            child::stop(&mut child, GRACE);
            let sockets = socket.parent().unwrap_or(&socket);
            // The engine leaves the machine's own network mounted there. What has gone with the engine is as well.
            let _ = output(Command::new("umount").arg(sockets.join("exec/netns/default")));
            let _ = fs::remove_dir_all(sockets);
        }
    }

    fn answers(&self) -> bool {
        let mut command = self.docker(["version", "--format", "{{.Server.Version}}"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    fn start(&mut self, stop: &Stop) -> Result<()> {
        // The names of sockets are short: they cannot be below any folder.
        let sockets = std::env::temp_dir().join(format!("componentd-docker-{}", std::process::id()));
        fs::create_dir_all(&sockets).with_context(|| format!("cannot make {}", sockets.display()))?;
        let (log, socket) = (self.folder.join("dockerd.log"), sockets.join("docker.sock"));
        step(&format!("starting a Docker engine (data in {}, log in {})", self.data().display(), log.display()));
        let mut command = Command::new("dockerd");
        command.arg("--data-root").arg(self.data()).arg("--exec-root").arg(sockets.join("exec"));
        command.arg("--pidfile").arg(sockets.join("pid")).args(["--host", &format!("unix://{}", socket.display())]);
        let file = fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        self.own = Some((child::spawn_server(&mut command, Signal::SIGTERM)?, socket));
        self.wait(stop, &log)
    }

    fn wait(&mut self, stop: &Stop, log: &Path) -> Result<()> {
        let deadline = Instant::now() + ANSWERS_WITHIN;
        while !self.answers() {
            let ended = self.own.as_mut().is_some_and(|(child, _)| child::ended(child).is_some());
            if ended || stop.asked() || Instant::now() > deadline {
                self.end();
                bail!("the Docker engine did not start: see {}", log.display());
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.join("engine")
    }
}

/// What a command prints, without the last newline; an error has all that it says.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    if output.status.success() {
        return Ok(text);
    }
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    let said = String::from_utf8_lossy(&output.stderr);
    bail!(
        "`{} {}` failed ({}): {text} {}",
        command.get_program().display(),
        words.join(" "),
        output.status,
        said.trim()
    )
}
