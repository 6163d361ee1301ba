//! `componentd init`: a manifest and a first component, in a folder that needs nothing from elsewhere.
//!
//! The component's SDK comes with it, with the interfaces that it is made of: both are in this binary.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

/// The SDK as it is in the repository; its `wit/deps` are the interfaces.
static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../sdk");

/// The service, where the folder's name cannot be one.
const NAME: &str = "hello";

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InitError {
    #[error("{} is there already, and nothing is overwritten: name another folder", .0.display())]
    Exists(PathBuf),
    #[error("{} cannot be written: {reason}", .path.display())]
    Write { path: PathBuf, reason: io::Error },
}

/// Writes all of it into `folder`, which is made if it is not there. The name of the service, and of the package.
///
/// # Errors
/// One of the files is there already; then nothing has been written. Or one cannot be written.
pub(crate) fn write(folder: &Path) -> Result<String, InitError> {
    let name = name(folder);
    let files = files(&name);
    let taken = files.keys().map(|file| folder.join(file)).find(|path| path.symlink_metadata().is_ok());
    if let Some(path) = taken {
        return Err(InitError::Exists(path));
    }
    for (file, text) in &files {
        let path = folder.join(file);
        create(&path, text).map_err(|reason| InitError::Write { path, reason })?;
    }
    Ok(name)
}

/// The folder's own, if it can be that of a service and of a Rust package.
fn name(folder: &Path) -> String {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let name = absolute.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    // Rust has crates of these names itself.
    let reserved = ["core", "std", "alloc", "test", "proc-macro"].contains(&name);
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(legal) && name.len() <= 63;
    if is_name && !reserved { name.to_owned() } else { NAME.to_owned() }
}

/// What is written, by its place in the folder.
fn files(name: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let named = |text: &str| text.replace("{{name}}", name).replace("{{file}}", &name.replace('-', "_")).into_bytes();
    let mut files = BTreeMap::from([
        (PathBuf::from("componentd.toml"), named(include_str!("../init/componentd.toml"))),
        (PathBuf::from("Cargo.toml"), named(include_str!("../init/package.toml"))),
        (PathBuf::from("src/lib.rs"), named(include_str!("../init/lib.rs"))),
        (PathBuf::from(".gitignore"), named(include_str!("../init/gitignore"))),
    ]);
    add_sdk(&mut files, &SDK);
    let package = PathBuf::from("componentd-sdk/Cargo.toml");
    files.entry(package).and_modify(|text| *text = outside_the_workspace(&String::from_utf8_lossy(text)).into_bytes());
    files
}

fn add_sdk(files: &mut BTreeMap<PathBuf, Vec<u8>>, folder: &Dir<'_>) {
    for file in folder.files() {
        files.insert(Path::new("componentd-sdk").join(file.path()), file.contents().to_vec());
    }
    folder.dirs().for_each(|folder| add_sdk(files, folder));
}

/// What the SDK's manifest takes from the workspace of the repository, written out. The host takes the same from there.
fn outside_the_workspace(manifest: &str) -> String {
    let values = BTreeMap::from([
        ("version.workspace = true", concat!("version = \"", env!("CARGO_PKG_VERSION"), "\"")),
        ("edition.workspace = true", "edition = \"2024\""),
        ("rust-version.workspace = true", concat!("rust-version = \"", env!("CARGO_PKG_RUST_VERSION"), "\"")),
        ("license.workspace = true", concat!("license = \"", env!("CARGO_PKG_LICENSE"), "\"")),
        ("publish.workspace = true", "publish = false"),
    ]);
    let package = manifest.split("\n[lints]\n").next().unwrap_or_default();
    package.lines().map(|line| format!("{}\n", values.get(line).unwrap_or(&line))).collect()
}

fn create(path: &Path, text: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(path))?;
    std::fs::File::create_new(path)?.write_all(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_has_the_name_of_its_folder_where_it_can() {
        let names = ["/tmp/my-shop", "/tmp/My Shop", "/tmp/9", "/tmp/test", "/"].map(|folder| name(Path::new(folder)));
        assert_eq!(names, ["my-shop", "hello", "hello", "hello", "hello"]);
    }

    #[test]
    fn the_sdk_needs_no_workspace() {
        let files = files("hello");
        let manifest = String::from_utf8_lossy(&files[Path::new("componentd-sdk/Cargo.toml")]);
        assert!(!manifest.contains("workspace"), "{manifest}");
        for file in ["src/lib.rs", "wit/sdk.wit", "wit/deps/http/http.wit"] {
            assert!(files.contains_key(&Path::new("componentd-sdk").join(file)), "{file}");
        }
    }
}
