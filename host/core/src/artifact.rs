//! The bytes of a component with their name, which is made once, and where they come from.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::digest::Digest;
use crate::load_error::LoadError;

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
        let read = move || std::fs::read(&file).map(|bytes| Self::new(bytes, Source::File(file)));
        let read = tokio::task::spawn_blocking(read).await.expect("reading a file does not panic");
        read.map_err(|source| unreadable(path, source))
    }

    /// Whether the file that it was read from still holds these bytes, as far as it can be read. True for what is from
    /// elsewhere.
    pub async fn is_current(&self) -> bool {
        let Source::File(path) = &self.source else { return true };
        tokio::fs::read(path).await.map_or(true, |now| *now == *self.bytes)
    }
}

/// Reads a component's file for somebody else, who will hash it.
///
/// # Errors
/// It is not there, or not ours to read.
pub async fn read_bytes(path: &Path) -> Result<Vec<u8>, LoadError> {
    tokio::fs::read(path).await.map_err(|source| unreadable(path, source))
}

fn unreadable(path: &Path, source: io::Error) -> LoadError {
    LoadError::Read { path: path.to_owned(), source }
}
