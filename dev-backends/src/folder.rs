//! The data folder of one server: owned by the user that runs it, served by one process at a time.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::unistd::Uid;

use crate::account::Account;
use crate::error::{Doing, Error, Result};

/// How long a server that was killed gets to lose its last child processes.
const ORPHANS_LEAVE_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// A folder that is ours until it is dropped.
#[derive(Debug)]
pub struct Folder {
    server: &'static str,
    path: PathBuf,
    account: Account,
    wanted: PathBuf,
    /// Held, so that two of us cannot pass [`Folder::vacant`] at the same moment.
    _lock: File,
}

impl Folder {
    /// The folder `name` below `data`; or, where the user cannot get there (below /root, say), one below /var/tmp.
    pub async fn open(server: &'static str, data: &Path, name: &str, account: Account) -> Result<Self> {
        let wanted = absolute(data)?.join(name);
        make(wanted.parent().unwrap_or(data), 0o755)?;
        let path = if account.reaches(wanted.parent().unwrap_or(data)) { wanted.clone() } else { elsewhere(&wanted)? };
        let lock = lock(server, &path.with_extension("lock")).await?;
        make(&path, 0o700)?;
        account.own(&path).doing(|| format!("give {} to {}", path.display(), account.name()))?;
        Ok(Self { server, path, account, wanted, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whose it is.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Said to the user if the folder is not where they would look for it.
    pub fn notice(&self) -> Option<String> {
        let [path, wanted] = [&self.path, &self.wanted].map(|path| path.display());
        (self.path != self.wanted).then(|| {
            format!("{} keeps its data in {path}: user {} cannot reach {wanted}", self.server, self.account.name())
        })
    }

    /// Waits until no process named `program` works in this folder: a dead server's file of its process id proves
    /// nothing, and the children of one that was killed may still be writing.
    pub async fn vacant(&self, program: &str) -> Result<()> {
        let deadline = Instant::now() + ORPHANS_LEAVE_WITHIN;
        while let Some(pid) = occupant(&self.path, program) {
            if Instant::now() > deadline {
                return Err(Error::Occupied { server: self.server, folder: self.path.clone(), pid });
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    make(path, 0o755)?;
    fs::canonicalize(path).doing(|| format!("resolve {}", path.display()))
}

fn make(path: &Path, mode: u32) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(mode).create(path);
    made.doing(|| format!("make the folder {}", path.display()))
}

/// Whatever our umask is.
pub(crate) fn open_to_all(folder: &Path) -> Result<()> {
    let opened = fs::set_permissions(folder, Permissions::from_mode(0o755));
    opened.doing(|| format!("let others into {}", folder.display()))
}

/// A folder that everybody can get to, named after the one they cannot; anybody may write in /var/tmp, so we look whose
/// it is before we use it.
fn elsewhere(wanted: &Path) -> Result<PathBuf> {
    let name = fnv1a(wanted.parent().unwrap_or(wanted).as_os_str().as_bytes());
    let parent = PathBuf::from(format!("/var/tmp/componentd-{name:016x}"));
    make(&parent, 0o755)?;
    let found = fs::symlink_metadata(&parent).doing(|| format!("look at {}", parent.display()))?;
    if !found.is_dir() || found.uid() != Uid::effective().as_raw() {
        return Err(Error::ForeignFolder(parent));
    }
    open_to_all(&parent)?;
    Ok(parent.join(wanted.file_name().unwrap_or_default()))
}

/// The same for ever, unlike the hasher of the standard library: the data must be found again.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Takes the lock, waiting for a process that is about to end; the file names who holds it.
async fn lock(server: &'static str, path: &Path) -> Result<File> {
    let doing = || format!("lock {}", path.display());
    let mut file = File::options().create(true).append(true).open(path).doing(doing)?;
    let deadline = Instant::now() + ORPHANS_LEAVE_WITHIN;
    while let Err(error) = file.try_lock() {
        match error {
            TryLockError::WouldBlock if Instant::now() < deadline => tokio::time::sleep(POLL).await,
            TryLockError::WouldBlock => return Err(occupied(server, path)),
            TryLockError::Error(source) => return Err(Error::Io { doing: doing(), source }),
        }
    }
    file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).doing(doing)?;
    Ok(file)
}

fn occupied(server: &'static str, lock: &Path) -> Error {
    let holder = fs::read_to_string(lock).ok().and_then(|pid| pid.parse().ok());
    Error::Occupied { server, folder: lock.with_extension(""), pid: holder.unwrap_or_default() }
}

fn occupant(folder: &Path, program: &str) -> Option<u32> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut here = processes.filter(|process| works_in(&process.path(), folder, program));
    here.find_map(|process| process.file_name().to_str()?.parse().ok())
}

fn works_in(process: &Path, folder: &Path, program: &str) -> bool {
    fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
        && fs::read_to_string(process.join("comm")).is_ok_and(|comm| comm.trim_end() == program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv1a() {
        assert_eq!([fnv1a(b""), fnv1a(b"a")], [0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c]);
    }

    #[tokio::test]
    async fn a_folder_that_nobody_else_reaches_is_replaced_and_that_is_said() {
        let scratch = crate::Scratch::new().expect("a folder for temporary files");
        let hidden = scratch.path().join("hidden");
        make(&hidden, 0o700).expect("a folder");
        let Ok(account) = Account::unprivileged("test", &["nobody"]) else { return };
        let folder = Folder::open("test", &hidden.join("data"), "test", account).await.expect("a folder");
        assert_eq!(folder.notice().is_some(), Uid::effective().is_root());
        let outside = folder.path().parent().filter(|_| folder.notice().is_some()).map(Path::to_owned);
        outside.map_or(Ok(()), fs::remove_dir_all).expect("it was just made");
    }
}
