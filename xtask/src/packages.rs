//! System packages: which are missing, and how they come.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use nix::unistd::Uid;

use crate::build;
use crate::project::{find, step};

const INSTALL: &str = include_str!("install-packages.sh");

/// Something that the machine must have, and the Debian package it is in.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    pub package: &'static str,
    pub met: fn() -> bool,
}

/// librdkafka is built from its sources.
pub const C_TOOLCHAIN: &[Need] = &[
    Need { package: "gcc", met: || find("cc").is_some() },
    Need { package: "g++", met: || find("c++").is_some() },
    Need { package: "make", met: || find("make").is_some() },
    Need { package: "zlib1g-dev", met: || Path::new("/usr/include/zlib.h").is_file() },
];
pub const POSTGRES: Need = Need { package: "postgresql", met: has_postgres };
pub const REDIS: Need = Need { package: "redis-server", met: || find("redis-server").is_some() };
/// A load generator, for the benchmarks.
pub const WRK: Need = Need { package: "wrk", met: || find("wrk").is_some() };
/// Counts instructions, for the benchmarks.
pub const CALLGRIND: Need = Need { package: "valgrind", met: || find("valgrind").is_some() };
/// A container engine, and what makes a Debian without one.
pub const DOCKER: Need = Need { package: "docker.io", met: || find("dockerd").is_some() };
pub const DEBOOTSTRAP: Need = Need { package: "debootstrap", met: || find("debootstrap").is_some() };
/// Requests as the documents show them.
pub const CURL: Need = Need { package: "curl", met: || find("curl").is_some() };
/// Apache Kafka, for the tests.
pub const JVM: &[Need] = &[
    Need { package: "default-jre-headless", met: || find("java").is_some() },
    Need { package: "maven", met: || find("mvn").is_some() },
];

/// What takes a package of Debian apart, names the libraries that a program needs, and compresses.
pub const DEB: &[Need] = &[
    Need { package: "dpkg", met: || find("dpkg-deb").is_some() },
    Need { package: "dpkg-dev", met: || find("dpkg-shlibdeps").is_some() },
    Need { package: "xz-utils", met: || find("xz").is_some() },
];

/// The languages whose components the book builds, and what its commands are typed with.
pub const JOURNEY: &[Need] = &[
    Need { package: "curl", met: || find("curl").is_some() },
    Need { package: "python3-venv", met: has_venv },
    Need { package: "npm", met: || find("npm").is_some() },
];

/// Debian has what makes an environment apart from Python.
fn has_venv() -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", "import ensurepip"]).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}

/// A browser, for the tests of the shop's page, and the font of its picture in the book.
pub const BROWSER: &[Need] = &[
    Need { package: "chromium", met: || find("chromium").is_some() },
    Need { package: "chromium-driver", met: || find("chromedriver").is_some() },
    Need { package: "fonts-inter", met: || Path::new("/usr/share/fonts/opentype/inter").is_dir() },
];

/// Debian keeps the server out of PATH.
fn has_postgres() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    find("postgres").is_some() || versions.into_iter().any(|version| version.path().join("bin/postgres").is_file())
}

/// The packages of those that are not met.
pub fn missing(needs: &[Need]) -> Vec<&'static str> {
    needs.iter().filter(|need| !(need.met)()).map(|need| need.package).collect()
}

/// Installs what is missing if we may, or says the line to type.
pub fn ensure(needs: &[Need]) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    step(&format!("this machine lacks: {}", missing.join(" ")));
    let Some(mut install) = installer() else { bail!("{}", instructions(&missing)) };
    build::run(install.args(&missing))
}

/// What to type where we may not.
pub fn instructions(missing: &[&str]) -> String {
    let packages = missing.join(" ");
    format!(
        "type `sudo apt-get install --no-install-recommends {packages}` (or what your system calls them), then again"
    )
}

/// A shell that installs its arguments as root, if there is apt-get and a way to be root without a password.
fn installer() -> Option<Command> {
    find("apt-get")?;
    let mut command = if Uid::effective().is_root() { Command::new("sh") } else { sudo()? };
    command.args(["-c", INSTALL, "install-packages"]);
    Some(command)
}

fn sudo() -> Option<Command> {
    let mut probe = Command::new("sudo");
    let may = probe.args(["-n", "true"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let mut command = Command::new("sudo");
    command.args(["-n", "sh"]);
    may.is_ok_and(|status| status.success()).then_some(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_in_the_line_to_type() {
        let needs = [Need { package: "there", met: || true }, Need { package: "absent", met: || false }];
        assert_eq!(missing(&needs), ["absent"]);
        assert!(instructions(&missing(&needs)).contains("apt-get install --no-install-recommends absent`"));
    }
}
