//! A process that compiles one component, and what it is told and tells.
//!
//! It gets nothing of its parent but the bytes of the component, on its standard input, behind their count; and ends once that
//! is closed. It answers with machine code on its standard output, or on standard error with what is wrong.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use componentd_config::HostSettings;
use rustix::param::page_size;
use rustix::process::{Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, setrlimit, waitid};

use super::machine_code::{CompileError, first_line, precompile};
use crate::engine;

/// The argument that makes a compiler of the host's program; its time in seconds and its memory in bytes follow.
pub const ARGUMENT: &str = "compile-component";

/// How a process ends that could read its component, and found it to be none.
const INVALID: u8 = 65;

/// Of what a process says of its failure: what a pipe takes without a reader, and more than anybody reads.
const MAX_SAID: usize = 4 << 10;

/// Each has memory of its own, and a machine with many processors compiles many components at a time.
const MAX_THREADS: usize = 8;

/// It is of low priority, so that what it may compute in a minute can take it longer on a machine that is at work.
const PATIENCE: u32 = 20;

/// What the compilation of one component may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Processor time, of all its threads.
    pub time: Duration,
    /// In bytes.
    pub memory: usize,
}

impl From<&HostSettings> for Bounds {
    fn from(settings: &HostSettings) -> Self {
        Self { time: settings.compile_time.0, memory: settings.compile_memory.0 }
    }
}

/// Runs a process of this program, which ends with the future.
pub(super) async fn compile(program: &Path, bounds: Bounds, component: Arc<[u8]>) -> Result<Vec<u8>, CompileError> {
    let mut child = start(program, bounds).map_err(failed)?;
    let streams = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
    let stderr = child.stderr.take().expect("piped");
    let child = Arc::new(Mutex::new(child));
    let _killed = KillOnDrop(child.clone());
    let talk = tokio::task::spawn_blocking(move || talk(&child, streams, stderr, &component));
    match tokio::time::timeout(bounds.time * PATIENCE, talk).await {
        Ok(ended) => result(bounds, ended.expect("talking to a process does not panic").map_err(failed)?),
        Err(_) => Err(CompileError::Time(bounds.time)),
    }
}

struct KillOnDrop(Arc<Mutex<Child>>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // Nothing is done to one that has ended, and was waited for.
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).kill();
    }
}

fn start(program: &Path, bounds: Bounds) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.arg(ARGUMENT).arg(bounds.time.as_secs().to_string()).arg(bounds.memory.to_string());
    // Passwords are among its parent's variables. The allocator is to take what it needs, and not a GiB at first.
    command.env_clear().env("MIMALLOC_ARENA_EAGER_COMMIT", "0");
    command.env("RAYON_NUM_THREADS", engine::compiler_threads().min(MAX_THREADS).to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// How a process has ended, its machine code, and what it has said of its failure.
type Ended = (ExitStatus, Vec<u8>, Vec<u8>);

/// Blocks.
fn talk(
    child: &Mutex<Child>,
    (mut stdin, mut stdout): (ChildStdin, ChildStdout),
    mut stderr: ChildStderr,
    component: &[u8],
) -> io::Result<Ended> {
    // It reads all before it writes anything. One that has ended meanwhile has said why.
    if stdin.write_all(&(component.len() as u64).to_le_bytes()).is_ok() {
        let _ = stdin.write_all(component);
    }
    let (mut code, mut said) = (Vec::new(), Vec::new());
    stdout.read_to_end(&mut code)?;
    stderr.read_to_end(&mut said)?;
    let status = wait(child)?;
    // Open until then: it ends when it is closed.
    drop(stdin);
    Ok((status, code, said))
}

/// Its place in the list of processes is kept until it has ended, so that it can be killed until then and no other in its place.
fn wait(child: &Mutex<Child>) -> io::Result<ExitStatus> {
    let child = || child.lock().unwrap_or_else(PoisonError::into_inner);
    let pid = Pid::from_child(&child());
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    child().wait()
}

fn result(bounds: Bounds, (status, code, said): Ended) -> Result<Vec<u8>, CompileError> {
    if status.success() { Ok(code) } else { Err(reason(status, bounds, &String::from_utf8_lossy(&said))) }
}

/// Why a process has not ended well.
fn reason(status: ExitStatus, bounds: Bounds, said: &str) -> CompileError {
    match () {
        () if status.code() == Some(INVALID.into()) => CompileError::Invalid(first_line(said)),
        () if status.signal() == Some(Signal::XCPU.as_raw()) => CompileError::Time(bounds.time),
        () if said.contains("memory allocation of") || said.contains("Cannot allocate memory") => {
            CompileError::Memory(bounds.memory)
        }
        () => CompileError::Failed(format!("{status}: {}", first_line(said))),
    }
}

fn failed(error: io::Error) -> CompileError {
    CompileError::Failed(error.to_string())
}

/// The process itself: it bounds what it may take, and only then reads what it compiles.
pub fn run(seconds: u64, memory: u64) -> ExitCode {
    match bound(seconds, memory).and_then(|()| component()) {
        Ok(component) => answer(&component),
        Err(error) => say(&error.to_string(), 1),
    }
}

fn bound(seconds: u64, memory: u64) -> io::Result<()> {
    engine::lower_priority(engine::COMPILER_NICENESS);
    let memory = memory.saturating_add(data()?);
    let limit = |resource, most| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    // Where the system is short of memory, this process goes first, and not the host.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    // A signal of its own says that it is the time; what else could end it comes later.
    setrlimit(Resource::Cpu, Rlimit { current: Some(seconds), maximum: Some(seconds + 5) })?;
    // What can be written to, which is what the system has to have; reserved addresses are none of it.
    limit(Resource::Data, memory)?;
    Ok(limit(Resource::Core, 0)?)
}

/// In bytes, what the program itself has: see proc_pid_statm(5).
fn data() -> io::Result<u64> {
    let pages = fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = pages.split_whitespace().nth(5).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    Ok(pages * page_size() as u64)
}

/// Reads the bytes of the component, and from then on ends with its parent.
fn component() -> io::Result<Vec<u8>> {
    let (mut stdin, mut count) = (io::stdin().lock(), [0; 8]);
    stdin.read_exact(&mut count)?;
    let count = u64::from_le_bytes(count);
    let mut component = Vec::new();
    if stdin.by_ref().take(count).read_to_end(&mut component)? as u64 != count {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    drop(stdin);
    std::thread::Builder::new().spawn(|| {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::exit(1);
    })?;
    Ok(component)
}

fn answer(component: &[u8]) -> ExitCode {
    let engine = match engine::compiling() {
        Ok(engine) => engine,
        Err(error) => return say(&format!("{error:#}"), 1),
    };
    match precompile(&engine, component) {
        Ok(code) => match io::stdout().lock().write_all(&code) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => say(&error.to_string(), 1),
        },
        Err(error) => say(&error.to_string(), INVALID),
    }
}

fn say(error: &str, code: u8) -> ExitCode {
    let said: String = error.chars().take(MAX_SAID).collect();
    // Its parent may be gone.
    let _ = writeln!(io::stderr(), "{said}");
    ExitCode::from(code)
}
