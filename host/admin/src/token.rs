//! The token of the admin port, where the manifest has none: made once, and kept in the state folder, where the command line
//! finds it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use componentd_config::{Admin, Secret, TOKEN_FILE};
use componentd_core::state_folder::StateFolder;
use tracing::warn;

/// What requests must carry. Without a state folder it is a new one for each start, which only this process knows.
///
/// # Errors
/// It cannot be kept, or the system has no random numbers.
pub fn find(settings: &Admin, state: Option<&StateFolder>) -> io::Result<Secret> {
    if let Some(token) = &settings.token {
        return Ok(token.clone());
    }
    let Some(state) = state else {
        warn!(
            "the admin port answers only probes: set `token` under [admin], or `state` under [host], where one is kept"
        );
        return made();
    };
    kept(state).map_or_else(|| keep(state), Ok)
}

/// That of an earlier start. One that others could have read is none.
fn kept(state: &StateFolder) -> Option<Secret> {
    let file = state.join(TOKEN_FILE);
    let is_private = fs::metadata(&file).ok()?.mode() & 0o077 == 0;
    if !is_private {
        warn!("{} could be read by others: the admin port has a new token", file.display());
        return None;
    }
    let token = fs::read_to_string(&file).ok()?;
    Some(token.trim().to_owned()).filter(|token| !token.is_empty()).map(Secret::from)
}

/// Files of the state folder are written with mode 0600.
fn keep(state: &StateFolder) -> io::Result<Secret> {
    let token = made()?;
    state.write(&state.join(TOKEN_FILE), token.as_bytes())?;
    Ok(token)
}

/// 256 bits in hexadecimal.
fn made() -> io::Result<Secret> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.map(|byte| format!("{byte:02x}")).concat().into())
}
