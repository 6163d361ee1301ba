//! The bytes of a component with their name, which is made once, and where they come from.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::digest::Digest;
use crate::load_error::LoadError;
use crate::structure;

/// A component as it came, before anything is known of it. Cheap to clone.
#[derive(Clone)]
pub struct Artifact {
    /// The whole component, in the binary format.
    pub bytes: Arc<[u8]>,
    /// That of the bytes. Nothing hashes them again.
    pub digest: Digest,
    /// For messages, and to see whether the file has changed since.
    pub source: Source,
}

/// Where the bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The file that a manifest or the command line names.
    File(PathBuf),
    /// The admin port.
    Upload,
    /// A program that embeds the host.
    Program,
    /// A version that the state folder keeps.
    Archive,
}

impl Source {
    /// What it is called in messages: the file's path, or a few words.
    pub fn name(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Upload => Path::new("the upload"),
            Self::Program => Path::new("the component"),
            Self::Archive => Path::new("a kept version"),
        }
    }
}

impl Artifact {
    /// Hashes the bytes, which takes a large component some tens of milliseconds.
    pub fn new(bytes: impl Into<Arc<[u8]>>, source: Source) -> Self {
        let bytes = bytes.into();
        Self { digest: Digest::of(&bytes), bytes, source }
    }

    /// Reads and hashes a component's file, on a thread that may block.
    ///
    /// # Errors
    /// It is not there, or not ours to read.
    pub async fn read(path: &Path) -> Result<Self, LoadError> {
        let file = path.to_owned();
        let read = move || read_file(&file).map(|bytes| Self::new(bytes, Source::File(file)));
        tokio::task::spawn_blocking(read).await.expect("reading a file does not panic")
    }

    /// Whether the file that it was read from still holds these bytes, as far as it can be read. True for what is from
    /// elsewhere.
    pub async fn is_current(&self) -> bool {
        let Source::File(path) = &self.source else { return true };
        read_bytes(path).await.map_or(true, |now| *now == *self.bytes)
    }
}

/// Reads a component's file for somebody else, who will hash it.
///
/// # Errors
/// It is not there, or not ours to read.
pub async fn read_bytes(path: &Path) -> Result<Vec<u8>, LoadError> {
    let file = path.to_owned();
    tokio::task::spawn_blocking(move || read_file(&file)).await.expect("reading a file does not panic")
}

/// Blocks. What is too large is not read, nor is what has no end.
fn read_file(path: &Path) -> Result<Vec<u8>, LoadError> {
    let unreadable = |source| LoadError::Read { path: path.to_owned(), source };
    let beyond = || LoadError::Beyond { path: path.to_owned(), bound: structure::BYTES };
    let file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    if size > structure::MAX_BYTES {
        return Err(beyond());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.take(structure::MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > structure::MAX_BYTES { Err(beyond()) } else { Ok(bytes) }
}
