//! The folders of the journey: a clone as it is after `cargo xtask up`, and room beside it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::project::{COMPONENTS, root, target};

/// A new user's home; gone with this value. Not below `target/`, where cargo would take the reader's packages for ours.
pub struct Place(PathBuf);

impl Place {
    /// Pages write into the store's folder, so it has copies of what they change, and links to the rest.
    pub fn make() -> Result<Self> {
        let place = Self(std::env::temp_dir().join(format!("componentd-journey-{}", std::process::id())));
        fs::create_dir_all(place.store().join("target")).context("cannot make the folders of the journey")?;
        symlink(root(), place.0.join("componentd"))?;
        symlink(target().join("debug/componentd"), place.store().join("target/componentd"))?;
        fs::write(place.0.join(".curlrc"), "silent\nshow-error\n")?;
        Ok(place)
    }

    /// What the pages call the clone.
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// Where curl finds that it shall show no progress.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// The manifest and the components, as they are in the repository.
    pub fn refresh(&self) -> Result<()> {
        let store = self.store();
        for gone in ["components", ".componentd"] {
            let _ = fs::remove_dir_all(store.join(gone));
        }
        fs::copy(root().join("componentd.toml"), store.join("componentd.toml"))?;
        for name in COMPONENTS {
            let folder = Path::new("components").join(name);
            fs::create_dir_all(store.join(&folder))?;
            let file = Path::new("components").join(format!("{name}.wasm"));
            fs::copy(root().join(&file), store.join(&file))
                .with_context(|| format!("cannot copy {}", file.display()))?;
            symlink(root().join(&folder).join("migrations"), store.join(&folder).join("migrations"))?;
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
