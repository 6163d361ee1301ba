//! Whether nobody but this user can have put something into a folder or a file.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// The bits of a mode that let the group and all others write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Why what is there is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum NotOwn {
    /// It belongs to somebody else.
    #[error(
        "{path} belongs to user {owner}, and this is user {user}: what others put there would be run; name a folder that \
         this host makes itself, or give it away with `chown -R`"
    )]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// The id of its owner.
        owner: u32,
        /// The id of the user that this process runs as.
        user: u32,
    },
    /// Others may change it.
    #[error(
        "{path} can be written by others (mode {mode:03o}): what they put there would be run; see that all in it is the \
         host's, then `chmod go-w` it"
    )]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

/// Whether `found` is this user's, and only this user can write it.
///
/// # Errors
/// It is not so.
pub fn check(path: &Path, found: &Metadata) -> Result<(), NotOwn> {
    let (owner, user, mode) = (found.uid(), rustix::process::geteuid().as_raw(), found.mode() & 0o777);
    if owner != user {
        return Err(NotOwn::Foreign { path: path.to_owned(), owner, user });
    }
    if mode & WRITABLE_BY_OTHERS != 0 {
        return Err(NotOwn::Open { path: path.to_owned(), mode });
    }
    Ok(())
}

/// Makes a folder, and those above it, that only this user can write, whatever the umask is. One that is there stays as it is.
///
/// # Errors
/// It cannot be made.
pub fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o755).create(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_others_can_write_is_not_own() {
        let folder = tempfile::tempdir().unwrap();
        let with_mode = |mode| {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            check(folder.path(), &fs::metadata(folder.path()).unwrap())
        };
        for own in [0o700, 0o755, 0o500] {
            with_mode(own).unwrap();
        }
        for open in [0o720, 0o702, 0o777] {
            let said = with_mode(open).unwrap_err().to_string();
            assert!(said.contains(&format!("mode {open:03o}")), "{said}");
        }
    }
}
