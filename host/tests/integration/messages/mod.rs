//! What is said where something is wrong: one file of `golden/` for each message, as its reader sees it.
//!
//! `COMPONENTD_TEST_WRITE_MESSAGES=1` writes the files anew; what has changed in them is then for the reviewer to judge.

mod commands;
mod components;
mod databases;
mod doctor;
mod manifests;
mod migrations;

use std::path::PathBuf;

use crate::support::files::{root, target, variable};
use crate::support::process::ManifestFile;

/// Compares what was said with `golden/<name>.txt`.
///
/// # Panics
/// It is another text, or there is none.
#[track_caller]
pub fn expect(name: &str, said: &str) {
    let file = golden().join(name).with_extension("txt");
    let said = format!("{}\n", said.trim_end());
    if variable("COMPONENTD_TEST_WRITE_MESSAGES").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &said).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(said, expected, "{}: COMPONENTD_TEST_WRITE_MESSAGES=1 writes it anew", file.display());
}

fn golden() -> PathBuf {
    root().join("host/tests/integration/messages/golden")
}

/// The text without what differs from one run to the next: folders, and the digits of digests.
pub fn tidy(said: &str, manifest: &ManifestFile) -> String {
    let said = said.replace(manifest.folder.path().to_str().unwrap(), "…");
    let said = said.replace(target().to_str().unwrap(), "target").replace(root().to_str().unwrap(), "…");
    let mut parts = said.split("sha256:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "sha256:DIGEST" + part.trim_start_matches(|c: char| c.is_ascii_hexdigit()))
}
