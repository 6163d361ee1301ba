//! The user a server runs as: never root.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::{Uid, User};

use crate::{Error, Result};

/// Another user than ourselves, or nobody else: then children simply run as we do.
#[derive(Clone, Debug)]
pub struct Account(Option<User>);

impl Account {
    /// Whoever we are, root included.
    pub fn ours() -> Self {
        Self(None)
    }

    /// Whoever we are, or the first of `users` that exists if we are root.
    pub fn unprivileged(server: &'static str, users: &[&str]) -> Result<Self> {
        if !Uid::effective().is_root() {
            return Ok(Self::ours());
        }
        let found = users.iter().find_map(|name| User::from_name(name).ok().flatten());
        found.map(|user| Self(Some(user))).ok_or_else(|| Error::NoUser { server, users: users.join(", ") })
    }

    /// Lets `command` run as this user.
    pub fn apply(&self, command: &mut Command) {
        if let Some(user) = &self.0 {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
    }

    /// Gives a file or folder to this user.
    pub fn own(&self, path: &Path) -> std::io::Result<()> {
        match &self.0 {
            Some(user) => std::os::unix::fs::chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())),
            None => Ok(()),
        }
    }

    /// Whether this user gets as far as `folder`: tried, because the mode bits are not the whole truth.
    pub fn reaches(&self, folder: &Path) -> bool {
        let mut probe = Command::new("/bin/true");
        probe.current_dir(folder).stdin(Stdio::null());
        self.apply(&mut probe);
        probe.status().is_ok_and(|status| status.success())
    }

    /// The name, for messages.
    pub fn name(&self) -> &str {
        self.0.as_ref().map_or("this user", |user| &user.name)
    }
}
