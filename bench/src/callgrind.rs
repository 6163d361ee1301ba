//! Instructions, counted by valgrind: the same on each run, whatever else the machine does.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use nix::libc;

use crate::server::Server;
use crate::tool;

/// `prctl(PR_GET_AUXV)` is refused. valgrind 3.19 passes it on, and rustix would look for the vDSO that the true answer
/// has, and that a program under valgrind does not have. `/proc/self/auxv`, which rustix reads then, valgrind puts right.
const NO_AUXV: [libc::sock_filter; 6] = [
    step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, NUMBER),
    step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 3, libc::SYS_prctl as u32),
    step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, FIRST_ARGUMENT),
    step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, PR_GET_AUXV),
    step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EINVAL as u32),
    step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
];
/// Places in `struct seccomp_data`, of a little-endian machine.
const NUMBER: u32 = 0;
const FIRST_ARGUMENT: u32 = 16;
/// `AUXV` in ASCII.
const PR_GET_AUXV: u32 = 0x4155_5856;

/// Where the counts of one run go.
#[derive(Clone, Debug)]
pub struct Callgrind(PathBuf);

impl Callgrind {
    /// Into this file.
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Runs `program` under valgrind.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("valgrind");
        command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", self.0.display()));
        // Fibers switch stacks, and compiled components come and go. The start is not counted, which also makes it short.
        command.arg("--instr-atstart=no");
        command.args(["--smc-check=all-non-file", "--max-stackframe=16000000"]).arg(program);
        hide_auxv(&mut command);
        command
    }

    /// Begins to count what a server does.
    ///
    /// # Errors
    /// valgrind does not listen.
    pub async fn count(&self, server: &Server) -> Result<()> {
        let mut command = Command::new("callgrind_control");
        command.args(["--instr=on", &server.id().to_string()]);
        tool::output(command).await.map(drop)
    }

    /// All that was counted, once the server has ended.
    ///
    /// # Errors
    /// It was killed before it could write them.
    pub fn instructions(&self) -> Result<f64> {
        let text = fs::read_to_string(&self.0).with_context(|| format!("cannot read {}", self.0.display()))?;
        let totals = text.lines().filter_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
        let counts = totals.filter_map(|count| count.trim().parse::<f64>().ok());
        counts.reduce(f64::max).context("callgrind has written no totals")
    }
}

const fn step(code: u32, jump_true: u8, jump_false: u8, value: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: jump_true, jf: jump_false, k: value }
}

#[expect(unsafe_code, reason = "only a hook between fork and exec can filter system calls")]
fn hide_auxv(command: &mut Command) {
    // SAFETY: prctl is async-signal-safe, and nothing allocates.
    unsafe {
        command.pre_exec(|| {
            let mut filter = NO_AUXV;
            let program = libc::sock_fprog { len: NO_AUXV.len() as u16, filter: filter.as_mut_ptr() };
            let failed = libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
                || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program, 0, 0) != 0;
            if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
        });
    }
}
