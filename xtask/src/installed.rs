//! `target/componentd`, the host where the documents say it is.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::project::{root, step, target};

/// Puts a build that ships there, all at once, also where the old one runs. A link is replaced, not followed.
pub fn put(built: &Path) -> Result<PathBuf> {
    put_in(&target(), built).context("cannot copy the host")
}

/// Links it to the build of `up`. A build that ships stays: it took minutes, and was asked for.
pub fn link() -> Result<()> {
    link_in(&target()).context("cannot link target/componentd to the host")
}

fn put_in(target: &Path, built: &Path) -> io::Result<PathBuf> {
    let (host, part) = names(target);
    fs::copy(built, &part)?;
    fs::rename(&part, &host)?;
    Ok(host)
}

fn link_in(target: &Path) -> io::Result<()> {
    let (host, part) = names(target);
    if fs::symlink_metadata(&host).is_ok_and(|found| !found.is_symlink()) {
        let shown = host.strip_prefix(root()).unwrap_or(&host).display();
        step(&format!("{shown} stays as `cargo xtask release` built it; what runs now is in debug/ beside it"));
        return Ok(());
    }
    symlink("debug/componentd", &part)?;
    fs::rename(&part, &host)
}

/// The host, and where it is prepared; what was left there by an end in between is gone.
fn names(target: &Path) -> (PathBuf, PathBuf) {
    let (host, part) = (target.join("componentd"), target.join("componentd.part"));
    let _ = fs::remove_file(&part);
    (host, part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_that_ships_takes_the_place_of_the_link_and_keeps_it() {
        let folder = std::env::temp_dir().join(format!("xtask-installed-{}", std::process::id()));
        let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        fs::create_dir_all(folder.join("debug")).unwrap();
        fs::write(folder.join("debug/componentd"), "debug").unwrap();
        fs::write(folder.join("built"), "ships").unwrap();
        for _ in 0..2 {
            link_in(&folder).unwrap();
            assert_eq!(text("componentd"), "debug");
        }
        put_in(&folder, &folder.join("built")).unwrap();
        link_in(&folder).unwrap();
        assert_eq!([text("componentd"), text("debug/componentd")], ["ships", "debug"]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
