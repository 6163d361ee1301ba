//! The host, as `cargo xtask up` runs it.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::sys::signal::Signal;

use crate::backends::Environment;
use crate::child;
use crate::ports::Port;
use crate::probe;
use crate::project::{root, target};
use crate::stop::Stop;

/// The first start compiles the components and runs every migration: seconds, and more of them on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// Starts it; what it logs goes to this terminal.
pub fn start(environment: Environment) -> Result<Child> {
    start_in(root(), environment)
}

/// The same, with the manifest of another folder.
pub fn start_in(folder: &Path, environment: Environment) -> Result<Child> {
    let mut command = Command::new(target().join("debug/componentd"));
    command.arg("run").current_dir(folder).stdin(Stdio::null()).envs(environment);
    child::spawn_server(&mut command, Signal::SIGKILL)
}

/// Waits until every port answers that it is ready.
pub fn wait_until_ready(host: &mut Child, ports: &[Port], stop: &Stop) -> Result<()> {
    let deadline = Instant::now() + READY_WITHIN;
    for port in ports {
        while !probe::ok(port.address(), port.health) {
            if stop.asked() || child::ended(host).is_some() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let words = probe::words(port.address(), port.health);
                bail!("{} is not ready: http://{}{} says\n{words}", port.name, port.address(), port.health);
            }
            std::thread::sleep(POLL);
        }
    }
    Ok(())
}
