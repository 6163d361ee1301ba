//! The plugins of Docker's client: buildx, and Compose of a version that can read docker-compose.yml.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::engine::{Engine, output};
use crate::project::{find, step};

/// The first that knows `required` for a file of settings.
const COMPOSE: (u32, u32) = (2, 24);

/// A Go module that has a plugin as one of its packages.
struct Plugin {
    name: &'static str,
    module: &'static str,
    version: &'static str,
    package: &'static str,
    /// Where the version is kept in the program.
    variable: &'static str,
}

const PLUGINS: [Plugin; 2] = [
    Plugin {
        name: "docker-buildx",
        module: "github.com/docker/buildx",
        version: "v0.38.2",
        package: "./cmd/buildx",
        variable: "github.com/docker/buildx/version.Version",
    },
    Plugin {
        name: "docker-compose",
        module: "github.com/docker/compose/v2",
        version: "v2.40.3",
        package: "./cmd",
        variable: "github.com/docker/compose/v2/internal.Version",
    },
];

/// The client's own, or those that we have built in `target/compose/client`.
pub fn ensure(engine: &mut Engine) -> Result<()> {
    if suffice(engine) {
        return Ok(());
    }
    let config = engine.folder().join("client");
    let plugins = config.join("cli-plugins");
    fs::create_dir_all(&plugins).with_context(|| format!("cannot make {}", plugins.display()))?;
    for plugin in PLUGINS {
        if !plugins.join(plugin.name).is_file() {
            plugin.build(&plugins)?;
        }
    }
    engine.use_config(config);
    if suffice(engine) { Ok(()) } else { bail!("the plugins of {} do not do: remove that folder", plugins.display()) }
}

fn suffice(engine: &Engine) -> bool {
    let compose = engine.ask(["compose", "version", "--short"]);
    compose.is_ok_and(|version| is_enough(&version)) && engine.ask(["buildx", "version"]).is_ok()
}

/// `2.40.3`, with or without a `v`.
fn is_enough(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split('.').map_while(|number| number.parse().ok());
    matches!((numbers.next(), numbers.next()), (Some(major), Some(minor)) if (major, minor) >= COMPOSE)
}

impl Plugin {
    /// By the proxy of Go's modules, and as the main module: what a module says of the versions that it excludes counts
    /// only there.
    fn build(&self, into: &Path) -> Result<()> {
        if find("go").is_none() {
            bail!(
                "Docker's client has no {} (Compose {}.{} or later, and buildx): install docker-compose-plugin and \
                 docker-buildx-plugin as Docker's documents say, or Go 1.24 or later to build them with",
                self.name,
                COMPOSE.0,
                COMPOSE.1
            );
        }
        step(&format!("building {} {} (minutes, once)", self.name, self.version));
        let copy = into.join(format!("{}.src", self.name));
        self.copy_source(&copy)?;
        let flags = format!("-s -w -X {}={}", self.variable, self.version);
        let part = into.join(format!("{}.part", self.name));
        let mut build = go(&copy);
        build.args(["build", "-ldflags", &flags, "-o"]).arg(&part).arg(self.package);
        output(&mut build)?;
        fs::remove_dir_all(&copy)?;
        fs::rename(&part, into.join(self.name)).with_context(|| format!("cannot write {}", self.name))
    }

    /// The module's own folder is read-only.
    fn copy_source(&self, copy: &Path) -> Result<()> {
        let module = format!("{}@{}", self.module, self.version);
        let known = output(go(copy.parent().unwrap_or(copy)).args(["mod", "download", "-json", &module]))?;
        let folder = known.lines().find_map(|line| line.trim().strip_prefix("\"Dir\": \"")?.strip_suffix("\","));
        let folder = folder.with_context(|| format!("go says no folder for {module}: {known}"))?;
        // Of a run that was interrupted.
        let _ = fs::remove_dir_all(copy);
        output(Command::new("cp").arg("--recursive").arg(folder).arg(copy))?;
        output(Command::new("chmod").args(["--recursive", "u+w"]).arg(copy)).map(drop)
    }
}

fn go(folder: &Path) -> Command {
    let mut command = Command::new("go");
    command.current_dir(folder).env("CGO_ENABLED", "0").env("GOFLAGS", "-buildvcs=false");
    command
}

#[cfg(test)]
mod tests {
    use super::is_enough;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(is_enough("v2.40.3") && is_enough("2.24.0") && is_enough("5.0.1"));
        assert!(!is_enough("2.9.0") && !is_enough("1.29.2") && !is_enough("unknown"));
    }
}
