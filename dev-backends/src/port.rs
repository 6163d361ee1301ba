//! A free port on loopback.

use std::net::{Ipv4Addr, TcpListener};

use crate::error::{Error, Result};

/// Below the range that Linux takes outgoing connections from (32768 and up): a server that was killed finds its port
/// free when it comes back.
const RANGE: std::ops::Range<u16> = 20_000..32_000;
const ATTEMPTS: usize = 100;

/// `wanted` itself, or any free port if it is 0.
pub fn free(wanted: u16) -> Result<u16> {
    if wanted != 0 {
        return check(wanted);
    }
    (1..ATTEMPTS).find_map(|_| check(random()).ok()).map_or_else(|| check(random()), Ok)
}

fn check(port: u16) -> Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(|_| port).map_err(|source| Error::Port { port, source })
}

fn random() -> u16 {
    let random = u16::from_le_bytes(crate::secret::random());
    RANGE.start + random % (RANGE.end - RANGE.start)
}
