//! Passwords that are made once and kept beside the data: loopback is open to every user of the machine.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use crate::error::{Doing, Result};
use crate::folder::Folder;

/// Bytes from the kernel.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes from early in the boot on");
    bytes
}

/// 32 hexadecimal digits, 128 bits.
pub fn token() -> String {
    random::<16>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The password in `folder`, made at the first call.
pub fn password(folder: &Folder) -> Result<String> {
    let path = folder.path().join("password");
    let kept = fs::read_to_string(&path).ok().filter(|password| !password.is_empty());
    kept.map_or_else(|| create(folder), Ok)
}

fn create(folder: &Folder) -> Result<String> {
    let (path, password) = (folder.path().join("password"), token());
    write_private(folder, "password", &password).doing(|| format!("write {}", path.display()))?;
    Ok(password)
}

/// Writes a file that only the user of `folder` may read.
pub fn write_private(folder: &Folder, name: &str, content: &str) -> std::io::Result<()> {
    let path = folder.path().join(name);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(content.as_bytes())?;
    folder.account().own(&path)
}
