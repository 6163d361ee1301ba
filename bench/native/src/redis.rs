//! The connection to Redis: commands of many callers are pipelined on one.

use std::time::Duration;

use anyhow::Result;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

const TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that opens with its first use.
///
/// # Errors
/// The URL is none that the driver understands.
pub fn open(url: &str) -> Result<ConnectionManager> {
    let config = ConnectionManagerConfig::new().set_response_timeout(Some(TIMEOUT)).set_number_of_retries(1);
    Ok(ConnectionManager::new_lazy_with_config(redis::Client::open(url)?, config)?)
}
