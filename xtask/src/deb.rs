//! `cargo xtask deb`: the host as a package for Debian, and whether it is whole and can be installed and used.

mod debian;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::packages::{self, DEB};
use crate::project::{root, step, target};
use crate::{build, components, release, tools};

const VERSION: &str = "3.8.0";
/// Where host/Cargo.toml says that what is made is found.
const MADE: &str = "target/deb";
/// The shells that look for completions in a folder.
const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];
/// What must be in it, and in what mode.
const FILES: &[(&str, &str)] = &[
    ("-rwxr-xr-x", "./usr/bin/componentd"),
    ("-rw-r--r--", "./usr/share/man/man1/componentd.1.gz"),
    ("-rw-r--r--", "./usr/share/bash-completion/completions/componentd"),
    ("-rw-r--r--", "./usr/share/zsh/vendor-completions/_componentd"),
    ("-rw-r--r--", "./usr/share/fish/vendor_completions.d/componentd.fish"),
    ("-rw-r--r--", "./usr/lib/systemd/system/componentd.service"),
    ("-rw-r--r--", "./usr/share/doc/componentd/copyright"),
    ("-rw-r--r--", "./etc/componentd/componentd.toml"),
];

/// How well the host in it is optimised.
#[derive(clap::Args)]
pub struct Arguments {
    /// Take the host as tests have it, for a check of the package.
    #[arg(long)]
    quick: bool,
}

/// Builds it into target/deb/, unpacks it, and tries it; then installs it in a Debian of its own.
pub fn run(arguments: &Arguments) -> Result<()> {
    packages::ensure(DEB)?;
    let host = if arguments.quick { debug_build()? } else { release::run()? };
    let made = root().join(MADE);
    lay_out(&host, &made)?;
    let package = package(&made)?;
    components::guests()?;
    check(&package, &made.join("unpacked"))?;
    debian::check(&package, &target().join("guests/hello.wasm"))?;
    step(&format!("the package is {}", package.strip_prefix(root()).unwrap_or(&package).display()));
    Ok(())
}

fn debug_build() -> Result<PathBuf> {
    build::cargo(["build", "--package", "componentd"])?;
    Ok(target().join("debug/componentd"))
}

/// The program, and what it prints for `man` and for shells.
fn lay_out(host: &Path, made: &Path) -> Result<()> {
    // Packages of earlier versions, too.
    let _ = fs::remove_dir_all(made);
    let completions = made.join("completions");
    fs::create_dir_all(&completions)?;
    fs::copy(host, made.join("componentd")).context("cannot copy the host")?;
    fs::write(made.join("componentd.1"), output(Command::new(host).arg("man"))?)?;
    for shell in SHELLS {
        fs::write(completions.join(shell), output(Command::new(host).args(["completions", shell]))?)?;
    }
    Ok(())
}

/// cargo-deb is installed if it is not there, without compressors of its own: Debian has xz.
fn package(made: &Path) -> Result<PathBuf> {
    if tools::installed("cargo-deb").is_none() {
        build::run(tools::installation("cargo-deb", VERSION).args(["--debug", "--no-default-features"]))?;
    }
    let cargo_deb = tools::installed("cargo-deb").context("cargo has installed cargo-deb elsewhere")?;
    let mut command = Command::new(cargo_deb);
    command.args(["--no-build", "--quiet", "--fast", "--package", "componentd", "--output"]).arg(made);
    // It works in a folder with the package's name below this, where the host itself is else.
    command.env("CARGO_TARGET_DIR", made.join("work"));
    build::run(&mut command)?;
    let packages = fs::read_dir(made)?.filter_map(|entry| Some(entry.ok()?.path()));
    packages.into_iter().find(|path| path.extension().is_some_and(|end| end == "deb")).context("there is no package")
}

/// That every file is there, that the program runs, and that its manifest is one.
fn check(package: &Path, unpacked: &Path) -> Result<()> {
    let listed = output(Command::new("dpkg-deb").arg("--contents").arg(package))?;
    for (mode, file) in FILES {
        let is_it = |line: &&str| line.starts_with(mode) && line.ends_with(&format!(" {file}"));
        if listed.lines().find(is_it).is_none() {
            bail!("the package has no {file} with {mode}:\n{listed}");
        }
    }
    let needs = output(Command::new("dpkg-deb").arg("--field").arg(package).arg("Depends"))?;
    if !["libc6", "zlib1g"].iter().all(|library| needs.contains(library)) {
        bail!("the package does not name the libraries of its program: {needs}");
    }
    let settings = output(Command::new("dpkg-deb").arg("--info").arg(package).arg("conffiles"))?;
    if settings.trim() != "/etc/componentd/componentd.toml" {
        bail!("an upgrade would overwrite the manifest: the package's conffiles are\n{settings}");
    }
    output(Command::new("dpkg-deb").arg("--extract").arg(package).arg(unpacked))?;
    let host = unpacked.join("usr/bin/componentd");
    output(Command::new(&host).arg("--version").env_clear().current_dir("/"))?;
    example(&host, unpacked)
}

/// The manifest with the service that is commented out in it.
fn example(host: &Path, unpacked: &Path) -> Result<()> {
    let manifest = fs::read_to_string(unpacked.join("etc/componentd/componentd.toml"))?;
    let component = target().join("guests/hello.wasm");
    let uncommented = manifest.lines().map(|line| match line.strip_prefix("# ") {
        Some(line) if line.starts_with('[') || line.contains(" = ") => line,
        _ => line,
    });
    let text = uncommented.collect::<Vec<_>>().join("\n");
    let text = text.replace("/srv/componentd/hello.wasm", &component.display().to_string());
    let tried = unpacked.join("tried.toml");
    fs::write(&tried, text)?;
    output(Command::new(host).arg("check").arg("--manifest").arg(&tried).env_clear()).map(drop)
}

/// What a command prints, if it succeeds.
fn output(command: &mut Command) -> Result<String> {
    let ended = command.output().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if !ended.status.success() {
        let said = String::from_utf8_lossy(&ended.stderr);
        bail!("{} failed ({}): {said}", command.get_program().display(), ended.status);
    }
    Ok(String::from_utf8(ended.stdout)?)
}
