//! What a process takes of its machine, as the kernel counts it.

use std::fs;
use std::path::PathBuf;

use super::process::Process;
use super::wait::until;

/// Counts, or how much more of each there may be.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    pub threads: usize,
    /// Files, sockets, pipes, and what else has a descriptor.
    pub descriptors: usize,
    /// Regions of the address space; compiled code has some for each version.
    pub mappings: usize,
    /// MiB in memory.
    pub resident: usize,
}

impl Footprint {
    pub fn of(process: &Process) -> Self {
        let proc = PathBuf::from(format!("/proc/{}", process.id()));
        let entries = |folder: &str| fs::read_dir(proc.join(folder)).unwrap().count();
        Self {
            threads: entries("task"),
            descriptors: entries("fd"),
            mappings: fs::read_to_string(proc.join("maps")).unwrap().lines().count(),
            resident: resident(&fs::read_to_string(proc.join("status")).unwrap()),
        }
    }

    /// Waits until the process is back at these counts, but for some `slack`: threads that wait for blocking work, and what
    /// is given back in the background, take a while to go.
    ///
    /// # Panics
    /// It is not.
    pub async fn until_back(self, process: &Process, slack: Self) {
        let what = format!("the process has no more than {self:?} and {slack:?}");
        let now = until(&what, async || {
            let now = Self::of(process);
            if !now.is_within(self, slack) {
                println!("it has grown to {now:?}");
            }
            now.is_within(self, slack).then_some(now)
        })
        .await;
        println!("before: {self:?}\nafter:  {now:?}");
    }

    fn is_within(self, before: Self, slack: Self) -> bool {
        self.threads <= before.threads + slack.threads
            && self.descriptors <= before.descriptors + slack.descriptors
            && self.mappings <= before.mappings + slack.mappings
            && self.resident <= before.resident + slack.resident
    }
}

/// `VmRSS` of a process's status, which is in kB.
fn resident(status: &str) -> usize {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() / 1024
}
