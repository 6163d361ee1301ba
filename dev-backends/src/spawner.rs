//! Starts children that the kernel ends when this process ends, even by SIGKILL.
//!
//! Linux sends the parent-death signal when the *thread* that forked ends. Threads of tokio come and go, those of tests
//! as well, so every child is forked from one thread that lives as long as the process.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Sender, SyncSender};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpid, getppid};

type Request = (Command, SyncSender<io::Result<Child>>);

static SPAWNER: OnceLock<Sender<Request>> = OnceLock::new();

/// Starts `command` in a process group of its own (a Ctrl-C in the terminal is for us, not for it); if we die, it gets
/// `signal`.
pub fn spawn(mut command: Command, signal: Signal) -> io::Result<Child> {
    die_with_us(&mut command, signal);
    command.process_group(0);
    let (reply, child) = mpsc::sync_channel(1);
    let ended = |_| io::Error::other("the thread that starts children has ended");
    SPAWNER.get_or_init(start).send((command, reply)).map_err(|_| ended(mpsc::RecvError))?;
    child.recv().map_err(ended)?
}

fn start() -> Sender<Request> {
    let (requests, inbox) = mpsc::channel::<Request>();
    std::thread::spawn(move || {
        for (mut command, reply) in inbox {
            // Nobody waits for the answer any more: the child is reaped by init.
            let _ = reply.send(command.spawn());
        }
    });
    requests
}

#[expect(unsafe_code, reason = "only a hook between fork and exec can ask for the parent-death signal")]
fn die_with_us(command: &mut Command, signal: Signal) {
    let us = getpid();
    // SAFETY: prctl and getppid are async-signal-safe, and neither allocates. The standard library runs this after it
    // changed the user, which would have cleared the request.
    unsafe {
        command.pre_exec(move || ask_for_signal(us, signal));
    }
}

fn ask_for_signal(parent: Pid, signal: Signal) -> io::Result<()> {
    set_pdeathsig(signal)?;
    // We may have died before the request: then nothing would ever end the child.
    if getppid() == parent { Ok(()) } else { Err(io::Error::from_raw_os_error(nix::libc::ESRCH)) }
}
