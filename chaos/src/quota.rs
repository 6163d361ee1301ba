//! A disk of a few megabytes that can be filled up: a tmpfs that only this process and its children see.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

/// Written until the first failure, then once more in small pieces.
const PIECES: [usize; 2] = [1 << 20, 1 << 9];
const BALLAST: &str = "ballast";

/// Whether disks with a quota can be mounted, and if not, why.
pub type Quotas = Result<(), String>;

/// Gives this process a table of mounts of its own. To be called while it has one thread.
pub fn own_mounts() -> Quotas {
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    unshare(CloneFlags::CLONE_NEWNS)
        .and_then(|()| mount(None::<&str>, "/", None::<&str>, private, None::<&str>))
        .map_err(|error| error.to_string())
}

/// A mounted disk; unmounted when it is dropped.
#[derive(Debug)]
pub struct Quota(PathBuf);

impl Quota {
    /// Mounts `megabytes` on the folder, which is made.
    ///
    /// # Errors
    /// The kernel does not let us.
    pub fn mount(folder: &Path, megabytes: u32) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let size = format!("size={megabytes}m,mode=0755");
        mount(Some("tmpfs"), folder, Some("tmpfs"), MsFlags::empty(), Some(size.as_str()))
            .with_context(|| format!("cannot mount {}", folder.display()))?;
        Ok(Self(folder.to_owned()))
    }

    /// Leaves no byte free.
    ///
    /// # Errors
    /// Anything else than a full disk.
    pub fn fill(&self) -> io::Result<()> {
        let mut ballast = File::create(self.0.join(BALLAST))?;
        for piece in PIECES {
            let piece = vec![0; piece];
            while write(&mut ballast, &piece)? {}
        }
        Ok(())
    }

    /// Gives the space back.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn free(&self) -> io::Result<()> {
        fs::remove_file(self.0.join(BALLAST))
    }
}

/// Whether there was room.
fn write(file: &mut File, piece: &[u8]) -> io::Result<bool> {
    match file.write_all(piece) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(false),
        Err(error) => Err(error),
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // Whatever still has a file open there keeps it until it ends; the rest goes now.
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}
