//! The `componentd` binary as a child process.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use dev_backends::Scratch;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use serde_json::Value;

use super::client::Client;
use super::host::TOKEN;
use super::wait::until;

/// What a stream has said so far, line by line.
type Lines = Arc<Mutex<Vec<String>>>;

/// A running one; killed when dropped.
pub struct Process {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

/// How one ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// The last word on standard error, if the exit code is as expected.
    #[track_caller]
    pub fn expect(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self:?}");
        self.stderr.rfind("componentd: ").map_or("", |at| &self.stderr[at..])
    }
}

impl Process {
    /// Starts it with nothing in its environment but this.
    pub fn start(arguments: &[&str], environment: &[(&str, String)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_componentd"));
        command.args(arguments).env_clear().envs(environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdout, stderr) = (follow(child.stdout.take().unwrap()), follow(child.stderr.take().unwrap()));
        Self { child, stdout, stderr }
    }

    /// Runs a manifest with this text, written to a file in a folder of its own.
    pub fn run(manifest: &ManifestFile) -> Self {
        Self::start(&["run", "--manifest", manifest.path()], &[])
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// How many files it may have open from now on; those that it has stay open.
    pub fn limit_open_files(&self, limit: u64) {
        let pid = Some(Pid::from_child(&self.child));
        let limits = Rlimit { current: Some(limit), ..getrlimit(Resource::Nofile) };
        prlimit(pid, Resource::Nofile, limits).unwrap();
    }

    /// Waits for its end.
    pub async fn end(mut self) -> Ended {
        let code = until("the process ends", async || self.child.try_wait().unwrap()).await.code();
        // The threads that follow its streams see their end a moment later.
        let (stdout, stderr) = (self.stdout.clone(), self.stderr.clone());
        until("its output is read", async || {
            (Arc::strong_count(&self.stdout) == 2 && Arc::strong_count(&self.stderr) == 2).then_some(())
        })
        .await;
        let text = |lines: Lines| lines.lock().unwrap().join("\n");
        Ended { code, stdout: text(stdout), stderr: text(stderr) }
    }

    /// All that it has written to standard output and standard error so far.
    pub fn said(&self) -> (String, String) {
        let text = |lines: &Lines| lines.lock().unwrap().join("\n");
        (text(&self.stdout), text(&self.stderr))
    }

    /// Its log so far.
    pub fn log(&self) -> Vec<Value> {
        let lines = self.stderr.lock().unwrap();
        lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits for a line of its log, and fails at once if the process ends instead.
    pub async fn line(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let (child, stderr) = (&mut self.child, self.stderr.clone());
        until(what, async || {
            let ended = child.try_wait().unwrap();
            let lines = stderr.lock().unwrap();
            let found = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).find(|line| is_it(line));
            assert!(found.is_some() || ended.is_none(), "{what}: {ended:?}\n{}", lines.join("\n"));
            found
        })
        .await
    }

    /// Waits until it serves.
    pub async fn ready(&mut self) {
        self.line("it is ready", |line| line["message"] == "ready").await;
    }

    /// A client of a service, or of `the admin port`, whose token is [`TOKEN`].
    pub async fn client(&mut self, listener: &str) -> Client {
        let line = self.line(listener, |line| line["message"] == "listening" && line["listener"] == listener).await;
        let address: SocketAddr = line["address"].as_str().unwrap().parse().unwrap();
        if listener == "the admin port" { Client::of_admin(address, TOKEN) } else { Client::new(address) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn follow(stream: impl Read + Send + 'static) -> Lines {
    let lines = Lines::default();
    let into = lines.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            into.lock().unwrap().push(line);
        }
    });
    lines
}

/// Runs a command to its end.
pub async fn command(arguments: &[&str], environment: &[(&str, String)]) -> Ended {
    Process::start(arguments, environment).end().await
}

/// A manifest in a folder of its own.
pub struct ManifestFile {
    path: PathBuf,
    pub folder: Scratch,
}

impl ManifestFile {
    pub fn new(text: &str) -> Self {
        let folder = Scratch::new().unwrap();
        let path = folder.path().join("manifest.toml");
        std::fs::write(&path, text).unwrap();
        Self { path, folder }
    }

    pub fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }
}
