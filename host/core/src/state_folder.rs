//! The state folder: one host's alone, found writable before anything is started, and written whole files at a time.
//!
//! ```text
//! <state>/lock        locked by the host that runs, with its process id
//! <state>/scratch/    files that are being written; what a crash has left of them goes at a start
//! <state>/services/   versions and history: archive.rs
//! <state>/compiled/   compiled components: cache.rs
//! <state>/admin-token  what the admin port asks for, where the manifest has no token
//! ```
//!
//! What is in it is run, and shown to the admin port, so all of it must be this user's own: see `ownership.rs`.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use componentd_config::TOKEN_FILE;

use crate::ownership::{self, NotOwn};

/// How the names of files begin that are being written. No others are removed: the folder may hold something else, too.
const PART: &str = ".part-";

/// What a host keeps there and relies on.
const OWN: [&str; 4] = ["scratch", "services", "compiled", TOKEN_FILE];

/// Where a host keeps what outlives it.
#[derive(Clone, Debug)]
pub struct StateFolder(PathBuf);

/// Keeps other hosts out of a state folder; the system takes it back from a process that ends in whatever way.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another process has locked it.
    #[error("{path} is the state folder of another host, process {process}: end that one, or name another folder")]
    InUse {
        /// The folder, as the manifest names it.
        path: PathBuf,
        /// The id of that process, as it wrote it.
        process: String,
    },
    /// Others could have changed what is in it.
    #[error("the state folder is not this host's own: {0}")]
    NotOwn(#[from] NotOwn),
    /// It cannot be made, locked or written.
    #[error(
        "the state folder {path} cannot be used: {source}; let the user of the host write it, or name another folder"
    )]
    Unusable {
        /// The folder, as the manifest names it.
        path: PathBuf,
        /// What the system says of it.
        source: io::Error,
    },
}

impl StateFolder {
    /// Makes the folder if it is not there, and locks it.
    ///
    /// # Errors
    /// It cannot be written, others can write it, or another host has it.
    pub fn open(path: &Path) -> Result<(Self, Lock), StateError> {
        let unusable = |source| StateError::Unusable { path: path.to_owned(), source };
        ownership::make_folder(path).map_err(unusable)?;
        check_own(path)?;
        let name = path.join("lock");
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(&name).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let process = fs::read_to_string(&name).unwrap_or_default();
                return Err(StateError::InUse { path: path.to_owned(), process });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        let folder = Self(path.to_owned());
        file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(unusable)?;
        folder.remove_parts().map_err(unusable)?;
        Ok((folder, Lock { _file: file }))
    }

    /// The path of a file or folder in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Puts a file in its place at once, and onto the disk: a crash leaves the old one or the new one.
    ///
    /// # Errors
    /// The disk is full, or the folder cannot be written any more.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        // Somebody may have removed it since the start.
        ownership::make_folder(&self.scratch())?;
        let mut file = tempfile::Builder::new().prefix(PART).tempfile_in(self.scratch())?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }

    fn scratch(&self) -> PathBuf {
        self.join("scratch")
    }

    /// What a crash has left half written.
    fn remove_parts(&self) -> io::Result<()> {
        ownership::make_folder(&self.scratch())?;
        for entry in fs::read_dir(self.scratch())? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(PART.as_bytes()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

/// Whether the folder, and what hosts have put there, is this user's alone. It may have been given to this user with all that
/// others had put into it.
fn check_own(path: &Path) -> Result<(), StateError> {
    let unusable = |source| StateError::Unusable { path: path.to_owned(), source };
    ownership::check(path, &fs::metadata(path).map_err(unusable)?)?;
    for name in OWN {
        let path = path.join(name);
        match fs::metadata(&path) {
            Ok(found) => ownership::check(&path, &found)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unusable(error)),
        }
    }
    Ok(())
}

/// The files of a folder with this extension, the one that was not used for longest first.
///
/// # Errors
/// The folder cannot be read.
pub fn oldest_first(folder: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)?
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let modified = fs::metadata(&path).ok()?.modified().ok()?;
            (path.extension()? == extension).then_some((modified, path))
        })
        .collect();
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// Notes that a file is used, for [`oldest_first`].
///
/// # Errors
/// It is not there, or not ours.
pub fn touch(file: &Path) -> io::Result<()> {
    File::open(file)?.set_modified(SystemTime::now())
}
