//! Builds components and puts them where the manifest and the tests look for them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::build;
use crate::project::{COMPONENTS, TARGET, root, step, target};

/// The store's, into `components/`.
pub fn components() -> Result<()> {
    build_packages(COMPONENTS)?;
    let built = target().join(TARGET).join("release");
    collect(&built, COMPONENTS.iter().map(|name| (*name, *name)), &root().join("components"))
}

/// The tests', into `target/guests/`, each named after its folder.
pub fn guests() -> Result<()> {
    let guests = packages_in(&root().join("guests"))?;
    build_packages(&guests.iter().map(|(_, package)| package.as_str()).collect::<Vec<_>>())?;
    let names = guests.iter().map(|(folder, package)| (folder.as_str(), package.as_str()));
    collect(&target().join(TARGET).join("release"), names, &target().join("guests"))
}

/// Copies the builds of (name, package) in `from` to `into`, as `name.wasm`.
pub fn collect<'a>(from: &Path, names: impl Iterator<Item = (&'a str, &'a str)>, into: &Path) -> Result<()> {
    fs::create_dir_all(into)?;
    for (name, package) in names {
        let built = from.join(package.replace('-', "_")).with_extension("wasm");
        publish(&built, &into.join(name).with_extension("wasm"))?;
    }
    Ok(())
}

fn build_packages(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    build::cargo(["build", "--release", "--target", TARGET].into_iter().chain(packages))
}

/// A running host watches these files: they change only if the component did, and all at once.
fn publish(from: &Path, to: &Path) -> Result<()> {
    let new = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == new) {
        return Ok(());
    }
    let part = to.with_extension("wasm.part");
    fs::write(&part, &new)
        .and_then(|()| fs::rename(&part, to))
        .with_context(|| format!("cannot write {}", to.display()))?;
    let shown = to.strip_prefix(root()).unwrap_or(to);
    step(&format!("{} ({} KiB)", shown.display(), new.len() / 1024));
    Ok(())
}

/// Folder and package name of each crate below `folder`.
fn packages_in(folder: &Path) -> Result<Vec<(String, String)>> {
    let folders = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    let crates = folders.into_iter().filter(|path| path.join("Cargo.toml").is_file());
    let mut named = crates.map(|path| Ok((file_name(&path), package(&path)?))).collect::<Result<Vec<_>>>()?;
    named.sort();
    Ok(named)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn package(path: &Path) -> Result<String> {
    let manifest = fs::read_to_string(path.join("Cargo.toml"))?;
    let name = manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    Ok(name.with_context(|| format!("no `name = \"…\"` in {}/Cargo.toml", path.display()))?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_replaced_only_when_it_changed() {
        let folder = std::env::temp_dir().join(format!("xtask-publish-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (built, published) = (folder.join("built.wasm"), folder.join("published.wasm"));
        fs::write(&built, "one").unwrap();
        publish(&built, &published).unwrap();
        let first = fs::metadata(&published).unwrap().modified().unwrap();
        publish(&built, &published).unwrap();
        assert_eq!(fs::metadata(&published).unwrap().modified().unwrap(), first);
        fs::write(&built, "two").unwrap();
        publish(&built, &published).unwrap();
        assert_eq!(fs::read_to_string(&published).unwrap(), "two");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn every_guest_has_a_package() {
        assert!(packages_in(&root().join("guests")).unwrap().iter().all(|(_, package)| !package.is_empty()));
    }
}
