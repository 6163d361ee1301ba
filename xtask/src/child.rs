//! Child processes that end when xtask does, even by SIGKILL.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{self, Signal};
use nix::unistd::{Pid, getpid, getppid};

const POLL: Duration = Duration::from_millis(20);

/// A server: in a process group of its own, so that Ctrl-C is for us alone and we can end it in its turn; it gets
/// `signal` when we die. Linux sends it when the thread that forks ends: call this from the main thread.
pub fn spawn_server(command: &mut Command, signal: Signal) -> Result<Child> {
    command.process_group(0);
    spawn(command, signal)
}

/// A tool that the user watches, and may interrupt.
pub fn spawn_in_foreground(command: &mut Command) -> Result<Child> {
    spawn(command, Signal::SIGTERM)
}

/// Asks it to end, waits, and insists.
pub fn stop(child: &mut Child, grace: Duration) -> Option<ExitStatus> {
    signal(child, Signal::SIGTERM);
    let deadline = Instant::now() + grace;
    while ended(child).is_none() && Instant::now() < deadline {
        std::thread::sleep(POLL);
    }
    if ended(child).is_none() {
        signal(child, Signal::SIGKILL);
    }
    child.wait().ok()
}

/// How it ended, if it did.
pub fn ended(child: &mut Child) -> Option<ExitStatus> {
    child.try_wait().ok().flatten()
}

fn signal(child: &mut Child, signal: Signal) {
    if ended(child).is_none() {
        // It may end in between, which is what we want.
        let _ = signal::kill(Pid::from_raw(child.id().cast_signed()), signal);
    }
}

#[expect(unsafe_code, reason = "only a hook between fork and exec can ask for the parent-death signal")]
fn spawn(command: &mut Command, signal: Signal) -> Result<Child> {
    let us = getpid();
    // SAFETY: prctl and getppid are async-signal-safe, and neither allocates.
    unsafe {
        command.pre_exec(move || ask_for_signal(us, signal));
    }
    command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))
}

fn ask_for_signal(parent: Pid, signal: Signal) -> io::Result<()> {
    set_pdeathsig(signal)?;
    // We may have died before the request: then nothing would ever end the child.
    if getppid() == parent { Ok(()) } else { Err(io::Error::from_raw_os_error(nix::libc::ESRCH)) }
}
