//! A data folder for one test: every user can get to it, and it goes when it is dropped.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Result};

/// Removed when dropped; drop it after the servers in it.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new folder below the system's folder for temporary files.
    pub fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("componentd-{}", crate::secret::token()));
        fs::create_dir(&path).doing(|| format!("make the folder {}", path.display()))?;
        crate::folder::open_to_all(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
