//! A terminal: what is typed into it shares its folder and its variables.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::child;

/// A build of a component with all that it needs, on a busy machine.
const ENDS_WITHIN: Duration = Duration::from_secs(15 * 60);
/// How long a host may take to stop.
const GRACE: Duration = Duration::from_secs(20);
/// Begins the line that says how a command ended.
const ENDED: &str = "--journey-ended";
const LOG: &str = "background.log";

/// bash, and what it runs.
pub struct Shell {
    bash: Child,
    input: ChildStdin,
    output: Receiver<String>,
    environment: Vec<(String, String)>,
    background: Option<(Child, PathBuf)>,
}

impl Shell {
    /// Opens one in a folder.
    pub fn start(folder: &Path, environment: &[(String, String)]) -> Result<Self> {
        let mut bash = command(folder, environment);
        let mut bash = child::spawn_server(bash.stdin(Stdio::piped()).stdout(Stdio::piped()), Signal::SIGKILL)?;
        let input = bash.stdin.take().context("its input was piped")?;
        let lines = BufReader::new(bash.stdout.take().context("its output was piped")?).lines();
        let (sender, output) = mpsc::channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Ok(Self { bash, input, output, environment: environment.to_vec(), background: None })
    }

    /// Types the commands one by one, up to the first that fails: its exit code, and all that they said.
    pub fn run(&mut self, script: &str) -> Result<(i32, String)> {
        let mut said = String::new();
        for command in commands(script) {
            let code = self.run_one(&command, &mut said)?;
            if code != 0 {
                return Ok((code, said));
            }
        }
        Ok((0, said))
    }

    fn run_one(&mut self, command: &str, said: &mut String) -> Result<i32> {
        writeln!(self.input, "{{ {command}\n}} </dev/null 2>&1\nprintf '\\n%s %s\\n' {ENDED} \"$?\"")?;
        loop {
            let line = self.output.recv_timeout(ENDS_WITHIN).with_context(|| format!("`{command}` does not end"))?;
            if let Some(code) = line.strip_prefix(ENDED) {
                // The line feed that comes before it is ours.
                said.truncate(said.trim_end_matches('\n').len());
                said.push('\n');
                return Ok(code.trim().parse()?);
            }
            said.push_str(&line);
            said.push('\n');
        }
    }

    /// The folder that it is in.
    pub fn folder(&mut self) -> Result<PathBuf> {
        Ok(PathBuf::from(self.run("pwd")?.1.trim()))
    }

    /// Types it into another terminal in the same folder.
    pub fn start_in_background(&mut self, script: &str) -> Result<()> {
        self.end_background()?;
        let log = self.folder()?.join(LOG);
        let file = File::create(&log).with_context(|| format!("cannot make {}", log.display()))?;
        let mut bash = command(&self.folder()?, &self.environment);
        bash.args(["-c", script]).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        self.background = Some((child::spawn_server(&mut bash, Signal::SIGKILL)?, log));
        Ok(())
    }

    /// As Ctrl-C does.
    pub fn end_background(&mut self) -> Result<()> {
        let Some((mut bash, log)) = self.background.take() else { return Ok(()) };
        if let Some(status) = child::ended(&mut bash) {
            bail!("it has ended by itself ({status}):\n{}", fs::read_to_string(log).unwrap_or_default());
        }
        end(&mut bash);
        Ok(())
    }

    /// What it has said, for whoever looks for the reason of a failure.
    pub fn background_log(&self) -> String {
        let log = self.background.as_ref().map(|(_, log)| fs::read_to_string(log).unwrap_or_default());
        log.unwrap_or_default()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        if let Some((bash, _)) = &mut self.background {
            end(bash);
        }
        end(&mut self.bash);
    }
}

fn command(folder: &Path, environment: &[(String, String)]) -> Command {
    let mut bash = Command::new("bash");
    bash.current_dir(folder).envs(environment.iter().cloned()).env_remove("CARGO_TARGET_DIR");
    // Its own files would change what a command is.
    bash.args(["--noprofile", "--norc"]).arg0("bash");
    bash
}

/// Itself and all that it runs.
fn end(bash: &mut Child) {
    // It may end in between, which is what we want.
    let _ = killpg(Pid::from_raw(bash.id().cast_signed()), Signal::SIGINT);
    child::stop(bash, GRACE);
    let _ = killpg(Pid::from_raw(bash.id().cast_signed()), Signal::SIGKILL);
}

/// A command is a line, or several that end with a backslash. Lines that are only a comment are none.
fn commands(script: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for line in script.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let command = found.last_mut().expect("it is never empty");
        command.push_str(line);
        if line.ends_with('\\') {
            command.push('\n');
        } else {
            found.push(String::new());
        }
    }
    found.retain(|command| !command.trim().is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_variables_last_and_a_failure_is_told() {
        let mut shell = Shell::start(Path::new("/"), &[("GREETING".to_owned(), "hello".to_owned())]).unwrap();
        assert_eq!(shell.run("cd usr # a comment\n\nNAME=you\n").unwrap(), (0, "\n".to_owned()));
        assert_eq!(shell.run("echo \"$GREETING,\" \\\n  $NAME\npwd").unwrap().1.trim(), "hello, you\n/usr");
        assert_eq!(shell.run("false\necho unreached").unwrap().0, 1);
    }
}
