//! Compiled components on disk, by content and engine, so that a known version is live in milliseconds.
//!
//! An entry is native code that will be run, so its folder is the host's own (0700), the file is this user's, which nobody
//! else can write, and its first 32 bytes are the SHA-256 of the rest: whatever is not so is compiled again, never loaded.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tracing::{debug, warn};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::digest::Digest;
use crate::ownership;
use crate::state_folder::{StateFolder, oldest_first, touch};

/// Below the state folder.
const FOLDER: &str = "compiled";

/// The cache, if the manifest names a state folder.
#[derive(Clone, Debug)]
pub struct Cache(Option<Kept>);

#[derive(Clone, Debug)]
struct Kept {
    folder: PathBuf,
    /// None where what is there may only be read.
    writing: Option<Writing>,
}

#[derive(Clone, Debug)]
struct Writing {
    state: StateFolder,
    /// In bytes, over all entries.
    size: u64,
}

impl Cache {
    /// Everything is compiled each time.
    pub fn none() -> Self {
        Self(None)
    }

    /// A cache of so many bytes below the state folder.
    ///
    /// # Errors
    /// The folder cannot be made, or made private.
    pub fn new(state: StateFolder, size: u64) -> io::Result<Self> {
        let folder = state.join(FOLDER);
        make(&folder)?;
        Ok(Self(Some(Kept { folder, writing: Some(Writing { state, size }) })))
    }

    /// What a host has kept in this state folder, which may be another process's just now: nothing is written. Where the folder
    /// is not this user's own, none.
    pub fn reading(state: &Path) -> Self {
        let folder = state.join(FOLDER);
        Self(is_own(&folder).then_some(Kept { folder, writing: None }))
    }

    /// The compiled component of this content, if it is there. Blocks.
    pub fn find(&self, engine: &Engine, version: &Digest) -> Option<Component> {
        let kept = self.0.as_ref()?;
        let file = kept.file(engine, version);
        let component = load(engine, &file)?;
        if kept.writing.is_some() {
            // Where it cannot be noted, this entry is among the first to go.
            let _ = touch(&file);
        }
        Some(component)
    }

    /// Keeps machine code for the next time. Blocks.
    pub fn keep(&self, engine: &Engine, version: &Digest, code: &[u8]) {
        if let Some(kept @ Kept { writing: Some(writing), .. }) = &self.0 {
            kept.store(writing, code, &kept.file(engine, version));
        }
    }
}

impl Kept {
    fn file(&self, engine: &Engine, version: &Digest) -> PathBuf {
        self.folder.join(format!("{}-{:016x}.cwasm", version.hex(), compatibility(engine)))
    }

    /// Without it, the next start compiles again.
    fn store(&self, writing: &Writing, code: &[u8], file: &Path) {
        let entry = [Sha256::digest(code).as_slice(), code].concat();
        match writing.state.write(file, &entry).and_then(|()| self.shrink(writing.size, file)) {
            Ok(()) => debug!(file = %file.display(), "cached"),
            Err(error) => warn!(file = %file.display(), %error, "the compile cache cannot be written"),
        }
    }

    /// Removes the entries that were not used for longest, down to the size; never the one that was just stored.
    fn shrink(&self, size: u64, stored: &Path) -> io::Result<()> {
        let mut left = size.saturating_sub(fs::metadata(stored)?.len());
        let others = oldest_first(&self.folder, "cwasm")?.into_iter().rev().filter(|file| file != stored);
        for file in others {
            match left.checked_sub(fs::metadata(&file)?.len()) {
                Some(rest) => left = rest,
                None => {
                    left = 0;
                    fs::remove_file(&file)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether nobody else can have put code there.
fn is_own(folder: &Path) -> bool {
    let own = rustix::process::geteuid().as_raw();
    fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir() && found.uid() == own && found.mode() & 0o077 == 0)
}

/// Only this folder is private; others may have to pass through those above.
fn make(folder: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::set_permissions(folder, fs::Permissions::from_mode(0o700)),
    }
}

/// Code of another Wasmtime, for another processor or with other settings has another name.
fn compatibility(engine: &Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

/// What is in a file of this user's own. That is asked of the opened file, which nobody can put another in the place of.
fn read_own(path: &Path) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    let own = ownership::check(path, &file.metadata().ok()?);
    own.inspect_err(|error| warn!("an entry of the compile cache is left alone: {error}")).ok()?;
    let mut entry = Vec::new();
    file.read_to_end(&mut entry).ok()?;
    Some(entry)
}

fn load(engine: &Engine, file: &Path) -> Option<Component> {
    let entry = read_own(file)?;
    let (checksum, code) = entry.split_first_chunk::<32>()?;
    if *checksum != <[u8; 32]>::from(Sha256::digest(code)) {
        warn!(file = %file.display(), "a corrupt entry of the compile cache is compiled again");
        return None;
    }
    // SAFETY: these bytes are what `Component::serialize` of a compatible engine gave (the name and the checksum), in a file
    // that only this user can write. Who can do that can as well replace the host.
    let component = unsafe { Component::deserialize(engine, code) };
    component.inspect_err(|error| warn!(file = %file.display(), %error, "compiled again")).ok()
}
