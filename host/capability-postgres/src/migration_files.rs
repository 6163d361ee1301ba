//! The migrations of a service as files, in a folder of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::migration_error::MigrationError;

/// The files by version, those that undo a migration left out.
pub(crate) type Files = BTreeMap<i64, PathBuf>;

/// The files of a folder.
///
/// # Errors
/// It cannot be read, or one of them would never be applied, or two claim one version.
pub(crate) fn read(folder: &Path) -> Result<Files, MigrationError> {
    let unreadable = |source| MigrationError::NoFolder { folder: folder.to_owned(), source };
    let mut files = Files::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.ends_with(".sql") || name.ends_with(".down.sql") {
            continue;
        }
        let Some(version) = version(&name) else { return Err(MigrationError::Misnamed { file: path }) };
        if let Some(other) = files.insert(version, path.clone()) {
            let (one, other) = if path < other { (path, other) } else { (other, path) };
            return Err(MigrationError::Twice { version, one, other });
        }
    }
    Ok(files)
}

/// `0001_users.sql` has version 1.
fn version(name: &str) -> Option<i64> {
    let (version, _) = name.split_once('_')?;
    version.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn a_version_is_the_number_before_the_first_underscore() {
        assert_eq!(version("0001_users.sql"), Some(1));
        assert_eq!(version("20260101120000_users_and_more.sql"), Some(20_260_101_120_000));
        assert_eq!(version("users.sql"), None);
        assert_eq!(version("v1_users.sql"), None);
    }
}
