//! A Debian of its own, booted by systemd, in which the package is installed and used as the book says.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use nix::unistd::Uid;

use crate::packages::{self, DEBOOTSTRAP};
use crate::project::{find, step, target, variable};
use crate::stop::Stop;
use crate::{build, child};

/// What the check needs: an init system, what boots it in a container (with the bus, for debootstrap does not find that
/// behind the name by which it is wanted), and what reads manual and completions.
const PACKAGES: &str = "systemd-sysv,systemd-container,dbus,man-db,bash-completion,zsh,fish,curl";
/// What is done there.
const SCRIPT: &str = include_str!("installed.sh");
/// It takes half a minute on two cores.
const ENDS_WITHIN: Duration = Duration::from_secs(5 * 60);
const GRACE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);

/// Installs, uses, upgrades and purges the package. Only root can, on Debian; CI must.
pub fn check(package: &Path, component: &Path) -> Result<()> {
    let release = match release() {
        Ok(release) => release,
        Err(error) if variable("CI").is_some() => return Err(error.context("CI installs the package")),
        Err(error) => {
            eprintln!("\n*** The package is NOT installed for a check: {error}. ***\n");
            return Ok(());
        }
    };
    let root = root(&release)?;
    let shared = target().join("debian/shared");
    share(&shared, package, component)?;
    let log = shared.join("log");
    let is_as_promised = boot(&root, &shared)?;
    let said = fs::read_to_string(&log).context("the Debian did not boot: see above")?;
    ensure!(is_as_promised, "the installed package is not as promised:\n{said}");
    said.lines().filter_map(|line| line.strip_prefix("+++ ")).for_each(step);
    // Packages, and one of them unpacked.
    fs::remove_dir_all(shared).context("cannot remove what the Debian was given")?;
    Ok(())
}

/// The code name of the machine's release, whose C library the package needs.
fn release() -> Result<String> {
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = |name: &str| system.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    ensure!(value("ID") == Some("debian"), "this machine is no Debian");
    ensure!(Uid::effective().is_root(), "only root can make a Debian and boot it");
    packages::ensure(&[DEBOOTSTRAP])?;
    value("VERSION_CODENAME").map(str::to_owned).context("/etc/os-release has no VERSION_CODENAME")
}

/// Made once, and never changed by what runs in it.
fn root(release: &str) -> Result<PathBuf> {
    let folder = target().join("debian");
    let (root, made) = (folder.join(release), folder.join(format!("{release}.packages")));
    if fs::read_to_string(&made).is_ok_and(|packages| packages == PACKAGES) {
        return Ok(root);
    }
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(&folder)?;
    let mut command = Command::new("debootstrap");
    command.args(["--variant=minbase", &format!("--include={PACKAGES}"), release]).arg(&root);
    let log = folder.join("debootstrap.log");
    let file = fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let made_it = build::run(command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file));
    made_it.with_context(|| format!("debootstrap has made no Debian:\n{}", tail(&log)))?;
    fs::write(made, PACKAGES)?;
    Ok(root)
}

/// The last lines of a log, which may be gone when somebody wants to read it.
fn tail(log: &Path) -> String {
    let said = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn unfinished(shared: &Path) -> anyhow::Error {
    let minutes = ENDS_WITHIN.as_secs() / 60;
    anyhow::anyhow!("the check of the package did not end within {minutes} minutes:\n{}", tail(&shared.join("log")))
}

/// What the script finds in /check.
fn share(folder: &Path, package: &Path, component: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder)?;
    fs::copy(package, folder.join("componentd.deb"))?;
    fs::copy(component, folder.join("hello.wasm"))?;
    let script = folder.join("installed.sh");
    fs::write(&script, SCRIPT)?;
    fs::set_permissions(&script, Permissions::from_mode(0o755))?;
    let free = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    let [admin, hello] = [free[0].local_addr()?.port(), free[1].local_addr()?.port()];
    fs::write(folder.join("ports"), format!("ADMIN={admin}\nHELLO={hello}\n"))?;
    Ok(())
}

/// On the machine's network, over a layer in memory that goes with it; whether the script succeeded.
fn boot(root: &Path, shared: &Path) -> Result<bool> {
    let stop = Stop::catch()?;
    let mut command = nspawn(root)?;
    command.args(["--quiet", "--register=no", "--boot", "--console=pipe", "--volatile=overlay", "--directory"]);
    command.arg(root).arg(format!("--bind={}:/check", shared.display()));
    // Where systemd runs the machine it is asked for a control group.
    if !Path::new("/run/systemd/system").is_dir() {
        command.arg("--keep-unit");
    }
    command.args(["systemd.show_status=no", "systemd.run=/check/installed.sh"]);
    command.args(["systemd.run_success_action=exit", "systemd.run_failure_action=exit"]);
    step("booting a Debian, with the package in it");
    let mut machine = child::spawn_server(command.stdin(Stdio::null()), Signal::SIGKILL)?;
    let deadline = Instant::now() + ENDS_WITHIN;
    let ended = loop {
        match child::ended(&mut machine) {
            Some(status) => break Ok(status.success()),
            None if stop.asked() => break Err(anyhow::anyhow!("interrupted")),
            None if Instant::now() > deadline => break Err(unfinished(shared)),
            None => std::thread::sleep(POLL),
        }
    };
    child::stop(&mut machine, GRACE);
    remove_groups();
    ended
}

/// The machine's own, or else that of the Debian itself, by its loader and with its libraries: to install it here would
/// upgrade the machine's systemd along with it.
fn nspawn(root: &Path) -> Result<Command> {
    if let Some(own) = find("systemd-nspawn") {
        return Ok(Command::new(own));
    }
    let libraries = root.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
    let files = fs::read_dir(&libraries).with_context(|| format!("cannot list {}", libraries.display()))?;
    let is_loader =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-linux-"));
    let Some(loader) = files.filter_map(|entry| Some(entry.ok()?.path())).find(is_loader) else {
        bail!("there is no loader in {}", libraries.display());
    };
    let mut command = Command::new(loader);
    command.arg("--library-path").arg(format!("{0}/systemd:{0}", libraries.display()));
    command.arg(root.join("usr/bin/systemd-nspawn"));
    Ok(command)
}

/// The control groups that nspawn leaves where no systemd has made it one. None goes that has a process.
fn remove_groups() {
    for hierarchy in ["", "unified", "systemd"] {
        for group in ["payload/init.scope", "payload", "supervisor"] {
            let _ = fs::remove_dir(Path::new("/sys/fs/cgroup").join(hierarchy).join(group));
        }
    }
}
