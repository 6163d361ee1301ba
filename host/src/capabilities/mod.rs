//! The capabilities that componentd comes with, a folder or a file each. Adding one touches nothing else but the list here.

pub mod http;
pub mod kafka;
mod logging;
pub mod postgres;
pub mod redis;
mod settings;
mod wasi;

use std::sync::Arc;

use crate::capability::Capability;

/// All of them.
pub fn default_capabilities() -> Vec<Arc<dyn Capability>> {
    vec![
        Arc::new(wasi::Wasi),
        Arc::new(postgres::Postgres),
        Arc::new(redis::Redis),
        Arc::new(kafka::Kafka),
        Arc::new(http::Http),
        Arc::new(settings::Settings),
        Arc::new(logging::Logging),
    ]
}
