//! `cargo xtask image`: what the Dockerfile copies into its images, as folders that begin at the image's root.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::project::{COMPONENTS, root, target};
use crate::{build, components, release};

/// Where programs are, below the image's root.
const PROGRAMS: &str = "usr/local/bin";
/// What the manifest's paths begin at, below the image's root.
const APP: &str = "app";
/// In a third of the time; no profile either. The code is larger by half than what ships, which has the names of its functions
/// besides; they are left out here, and the whole is still the larger of the two.
const QUICK: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_STRIP", "symbols"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
];

/// Where it goes, and how well it is optimised.
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder that gets a folder for each image.
    #[arg(long)]
    into: PathBuf,
    /// Build the host without what makes it fast and takes long, for a check of the image.
    #[arg(long)]
    quick: bool,
}

/// Builds everything and lays it out.
pub fn run(arguments: &Arguments) -> Result<()> {
    let (componentd, mailbox) = (arguments.into.join("componentd"), arguments.into.join("mailbox"));
    components::components()?;
    let host = if arguments.quick { build_quickly("componentd")? } else { release::run()? };
    copy(&host, &componentd.join(PROGRAMS).join("componentd"))?;
    lay_out_the_store(root(), &componentd.join(APP))?;
    copy(&build_quickly("dev-backends")?, &mailbox.join(PROGRAMS).join("dev-backends"))
}

/// A package's program of the same name. What only stands in for SendGrid is never built otherwise.
fn build_quickly(package: &str) -> Result<PathBuf> {
    let mut command = build::command();
    command.args(["build", "--release", "--locked", "--package", package]);
    build::run(command.env("CARGO_TARGET_DIR", target()).envs(QUICK))?;
    Ok(target().join("release").join(package))
}

/// The manifest, the components and their migrations, by the paths that the manifest has.
fn lay_out_the_store(from: &Path, to: &Path) -> Result<()> {
    copy(&from.join("componentd.toml"), &to.join("componentd.toml"))?;
    for name in COMPONENTS {
        let component = Path::new("components").join(name).with_extension("wasm");
        copy(&from.join(&component), &to.join(&component))?;
        let migrations = Path::new("components").join(name).join("migrations");
        for file in files_in(&from.join(&migrations))? {
            copy(&from.join(&migrations).join(&file), &to.join(&migrations).join(&file))?;
        }
    }
    Ok(())
}

/// The names of what is in a folder; none where there is no such folder.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().into())).collect()
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = fs::create_dir_all(to.parent().context("a file is in a folder")?).and_then(|()| fs::copy(from, to));
    copied.with_context(|| format!("cannot copy {} to {}", from.display(), to.display())).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_is_laid_out_by_the_paths_of_its_manifest() {
        let folder = std::env::temp_dir().join(format!("xtask-image-{}", std::process::id()));
        let (from, to) = (folder.join("from"), folder.join("to"));
        fs::create_dir_all(from.join("components/users/migrations")).unwrap();
        fs::write(from.join("componentd.toml"), "").unwrap();
        fs::write(from.join("components/users/migrations/0001_users.sql"), "").unwrap();
        for name in COMPONENTS {
            fs::write(from.join("components").join(name).with_extension("wasm"), name).unwrap();
        }
        lay_out_the_store(&from, &to).unwrap();
        assert!(to.join("components/users/migrations/0001_users.sql").is_file());
        assert_eq!(fs::read_to_string(to.join("components/store.wasm")).unwrap(), "store");
        fs::remove_dir_all(&folder).unwrap();
    }
}
