//! `dev-backends`, for what the environment does not name.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Result, bail};
use nix::sys::signal::Signal;

use crate::kafka_jars;
use crate::project::{root, target, variable};
use crate::stop::Stop;

const POLL: Duration = Duration::from_millis(100);

/// Names and values for the host.
pub type Environment = Vec<(String, String)>;

/// Which backends to start: those whose variable is not set.
pub fn wanted() -> Vec<&'static str> {
    let variables = [
        ("DATABASE_URL", "postgres"),
        ("REDIS_URL", "redis"),
        ("KAFKA_BROKERS", "kafka"),
        // With a key of your own, mails are sent by SendGrid.
        ("SENDGRID_API_KEY", "mailbox"),
    ];
    variables.into_iter().filter(|(name, _)| variable(name).is_none()).map(|(_, backend)| backend).collect()
}

/// Starts `backends` and waits for their addresses.
pub fn start(backends: &[&str], stop: &Stop) -> Result<(Child, Environment)> {
    start_in(root(), backends, stop)
}

/// The same, with their data below `folder`.
pub fn start_in(folder: &Path, backends: &[&str], stop: &Stop) -> Result<(Child, Environment)> {
    let mut command = Command::new(target().join("debug/dev-backends"));
    if backends.contains(&"kafka")
        && let Some(jars) = kafka_jars()
    {
        command.arg("--kafka-jars").arg(jars);
    }
    command.args(["--only", &backends.join(",")]).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = crate::child::spawn_server(&mut command, Signal::SIGTERM)?;
    let lines = lines(child.stdout.take().expect("it was piped"));
    let mut environment = read(&lines, stop)?;
    if backends.contains(&"mailbox") {
        environment.extend(for_the_mailbox());
    }
    Ok((child, environment))
}

/// Apache Kafka's; without them the embedded broker stands in, which is said loudly.
fn kafka_jars() -> Option<PathBuf> {
    kafka_jars::fetch("the store").unwrap_or_else(|error| {
        eprintln!("\n*** Apache Kafka cannot be fetched, the store has the EMBEDDED Kafka: {error:#} ***\n");
        None
    })
}

/// The mailbox takes any key, and is on loopback, where the host goes only if it is told to.
fn for_the_mailbox() -> Environment {
    let values = [("SENDGRID_API_KEY", "development"), ("SENDGRID_PRIVATE", "true")];
    values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn lines(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Read on though nobody listens, or its next line would block it.
            let _ = sender.send(line);
        }
    });
    lines
}

fn read(lines: &Receiver<String>, stop: &Stop) -> Result<Environment> {
    let mut environment = Environment::new();
    loop {
        match lines.recv_timeout(POLL) {
            Ok(line) if line == "READY" => return Ok(environment),
            Ok(line) => environment.extend(line.split_once('=').map(|(name, value)| (name.into(), value.into()))),
            Err(RecvTimeoutError::Timeout) if stop.asked() => bail!("interrupted"),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => bail!("the backends did not start: see above"),
        }
    }
}
