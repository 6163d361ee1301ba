//! What a trigger keeps of a service across restarts: files of its own beside the versions of the service.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ownership;
use crate::state_folder::StateFolder;

/// The folder of a service in the state folder; nothing is kept where the manifest names none.
#[derive(Clone, Debug)]
pub struct Kept(Option<(StateFolder, PathBuf)>);

impl Kept {
    /// Where the versions of the service are as well.
    pub fn new(state: Option<(StateFolder, PathBuf)>) -> Self {
        Self(state)
    }

    /// Puts something into a file, in place of what was there.
    ///
    /// # Errors
    /// The state folder cannot be written.
    pub fn set<T: Serialize>(&self, file: &str, what: &T) -> io::Result<()> {
        let Some((state, folder)) = &self.0 else { return Ok(()) };
        ownership::make_folder(folder)?;
        state.write(&folder.join(file), &serde_json::to_vec(what)?)
    }

    /// What was put there, if it is there and whole.
    pub fn get<T: DeserializeOwned>(&self, file: &str) -> Option<T> {
        let (_, folder) = self.0.as_ref()?;
        serde_json::from_slice(&fs::read(folder.join(file)).ok()?).ok()
    }
}
