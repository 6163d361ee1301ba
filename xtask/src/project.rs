//! Where things are, and how steps are announced.

use std::path::{Path, PathBuf};

/// The components of the store: folder, package and file name.
pub const COMPONENTS: &[&str] = &["users", "orders", "store", "notifications", "shop"];
/// What every component is built for.
pub const TARGET: &str = "wasm32-wasip2";

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ is in the root")
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |target| root().join(target))
}

/// Says what comes now.
pub fn step(what: &str) {
    eprintln!("==> {what}");
}

/// `name` in PATH.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// A variable that is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
