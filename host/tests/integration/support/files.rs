//! Files that are built before the tests run.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Where cargo puts what it builds.
pub fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

/// The folder with the components of the store: `COMPONENTD_TEST_COMPONENTS`, or `components/`.
pub fn components() -> PathBuf {
    variable("COMPONENTD_TEST_COMPONENTS").map_or_else(|| root().join("components"), PathBuf::from)
}

/// A component that misbehaves, or does as it is told.
///
/// # Panics
/// It has not been built.
pub fn guest(name: &str) -> String {
    let path = target().join("guests").join(name).with_extension("wasm");
    assert!(path.is_file(), "{} is missing: run `cargo xtask guests`", path.display());
    path.display().to_string()
}

/// A component of the store.
///
/// # Panics
/// It has not been built.
pub fn component(name: &str) -> String {
    let path = components().join(name).with_extension("wasm");
    assert!(path.is_file(), "{} is missing: run `cargo xtask components`", path.display());
    path.display().to_string()
}

/// A variable of the environment that is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Says it also where the test harness keeps what passing tests print.
pub fn say_loudly(text: &str) {
    // Without a standard error nobody listens.
    let _ = writeln!(std::io::stderr(), "\n*** {text}. ***\n");
}

/// Under CI nothing may be skipped.
pub fn is_ci() -> bool {
    variable("CI").is_some()
}
