//! Free ports on loopback, which stay ours while a killed process is away.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

/// Below the range of outgoing connections (32768 and up), and beside that of `dev-backends`.
const RANGE: std::ops::Range<u16> = 12_000..20_000;
const ATTEMPTS: usize = 1_000;

static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that nobody listens on and that was not given before.
///
/// # Errors
/// There is none.
pub fn free() -> Result<u16> {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let candidates = (0..ATTEMPTS).map(|_| fastrand::u16(RANGE));
    let port = candidates.into_iter().find(|port| !taken.contains(port) && is_free(*port));
    let port = port.context("no port is free between 12000 and 20000")?;
    taken.insert(port);
    Ok(port)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
