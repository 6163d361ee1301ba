//! Free ports on loopback, none of which is given twice in a row.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, Result};

/// Below those of `dev-backends`, and of outgoing connections.
const FIRST: u16 = 12_000;
const COUNT: u16 = 8_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// One that nobody listens on.
///
/// # Errors
/// There is none.
pub fn free() -> Result<u16> {
    let mut tries = (0..COUNT).map(|_| FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT);
    tries
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("no port is free from 12000 to 19999")
}

/// Several.
///
/// # Errors
/// There are too few.
pub fn several(count: usize) -> Result<Vec<u16>> {
    (0..count).map(|_| free()).collect()
}

/// Who listens there.
pub fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
