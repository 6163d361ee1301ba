//! Runs a load generator to its end.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use dev_backends::spawner;
use nix::sys::signal::Signal;

/// What it printed on standard output.
///
/// # Errors
/// It is missing, or fails; the message has what it printed.
pub async fn output(mut command: Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.env_remove("RUST_BACKTRACE").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = spawner::spawn(command, Signal::SIGKILL).with_context(|| format!("cannot start {program}"))?;
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await??;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{program} failed ({}):\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(text)
}
