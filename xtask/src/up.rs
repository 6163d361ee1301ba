//! `cargo xtask up`: the store, from a fresh clone to the first order.

use std::process::{Child, ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::{Result, bail};

use crate::ports::{self, Port};
use crate::project::{root, step, variable};
use crate::stop::Stop;
use crate::{backends, build, child, components, environment, host, installed, setup, welcome};

/// The host finishes its requests and closes its transactions, the backends write everything to the disk.
const GRACE: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(100);

/// Build, start, wait, stop: what was started last ends first.
pub fn run() -> Result<ExitCode> {
    let ports = ports::all()?;
    ports::check(&ports)?;
    setup::for_up()?;
    components::components()?;
    build::cargo(["build", "--package", "componentd", "--package", "dev-backends"])?;
    installed::link()?;

    // Again, for the build may have taken minutes.
    ports::check(&ports)?;

    let stop = Stop::catch()?;
    let (mut backends, environment) = start_backends(&stop)?.unzip();
    let mut environment = environment.unwrap_or_default();
    environment.extend(ports::shop_origin(&ports));
    let told = environment::File::write(&environment)?;
    step("starting the host");
    let mut host = host::start(environment)?;
    let ended = serve(&mut host, backends.as_mut(), &ports, &stop);

    drop(told);
    step("stopping the host");
    let status = child::stop(&mut host, GRACE);
    if let Some(backends) = &mut backends {
        step("stopping the backends");
        child::stop(backends, GRACE);
    }
    ended.map(|()| exit_code(status))
}

fn start_backends(stop: &Stop) -> Result<Option<(Child, backends::Environment)>> {
    let wanted = backends::wanted();
    if wanted.is_empty() {
        step("every backend is set in the environment");
        return Ok(None);
    }
    step(&format!("starting {} (data in .componentd/)", wanted.join(", ")));
    backends::start(&wanted, stop).map(Some)
}

/// Until it is told to stop, or something ends that should not.
fn serve(host: &mut Child, mut backends: Option<&mut Child>, ports: &[Port], stop: &Stop) -> Result<()> {
    step("waiting until every service answers");
    host::wait_until_ready(host, ports, stop)?;
    if child::ended(host).is_none() && !stop.asked() {
        println!("{}", welcome::text(ports, &admin_token(), backends::wanted().contains(&"mailbox")));
    }
    while !stop.asked() {
        if let Some(status) = child::ended(host) {
            eprintln!("xtask: the host has ended by itself ({status}): see above");
            return Ok(());
        }
        if let Some(status) = backends.as_deref_mut().and_then(child::ended) {
            bail!("the backends have ended by themselves ({status}): see above");
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// What the admin port asks for: as the environment says, or else what the host has made.
fn admin_token() -> String {
    let state = variable("COMPONENTD_STATE").unwrap_or_else(|| ".componentd/host".to_owned());
    let made = || std::fs::read_to_string(root().join(state).join("admin-token")).ok();
    variable("ADMIN_TOKEN").or_else(made).unwrap_or_default()
}

/// The host's own code; 1 if a signal ended it.
fn exit_code(status: Option<ExitStatus>) -> ExitCode {
    let code = status.and_then(|status| status.code()).and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}
