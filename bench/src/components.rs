//! Builds of components that differ, as those of different services do: each is compiled and kept by itself.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::world::World;

/// `guests/versioned` looks like this in its file, and answers the digits.
const MARK: &[u8] = b"mark:0000:good:mark";
const MARK_DIGITS: std::ops::Range<usize> = 5..9;

/// `count` builds of hello, each with another custom section.
///
/// # Errors
/// It is not built, or files cannot be written.
pub fn hellos(world: &World, count: usize) -> Result<Vec<PathBuf>> {
    let hello = fs::read(world.component("target/guests/hello.wasm")?)?;
    let folder = world.out.join("components");
    fs::create_dir_all(&folder)?;
    (0..count)
        .map(|number| {
            let (path, build) = (folder.join(format!("hello-{number:03}.wasm")), with_section(&hello, number));
            // A host that runs would take a new file for a new version.
            if fs::read(&path).map_or(true, |there| there != build) {
                fs::write(&path, build).with_context(|| format!("cannot write {}", path.display()))?;
            }
            Ok(path)
        })
        .collect()
}

/// `guests/versioned` with another number.
///
/// # Errors
/// It is not built.
pub fn versioned(world: &World, number: usize) -> Result<Vec<u8>> {
    let mut build = fs::read(world.component("target/guests/versioned.wasm")?)?;
    let at = build.windows(MARK.len()).position(|part| part == MARK).context("guests/versioned has its mark")?;
    let digits = format!("{:04}", number % 10_000);
    build[at..][MARK_DIGITS].copy_from_slice(digits.as_bytes());
    Ok(build)
}

/// A custom section is an id of 0, its length, and a name with its length; below 128, a length is one byte.
fn with_section(component: &[u8], number: usize) -> Vec<u8> {
    let name = format!("bench-{number:03}");
    let length = u8::try_from(name.len()).expect("a short name");
    let mut build = component.to_vec();
    build.extend([0, length + 1, length]);
    build.extend(name.bytes());
    build
}
