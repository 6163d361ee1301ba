//! The capabilities that componentd comes with, a folder or a file each. Adding one touches nothing else but the list here.

pub(crate) mod http;
pub(crate) mod kafka;
mod logging;
pub(crate) mod postgres;
pub(crate) mod redis;
mod settings;
mod wasi;

use std::sync::Arc;

pub use self::http::Http;
pub use self::kafka::Kafka;
pub use self::logging::Logging;
pub use self::postgres::Postgres;
pub use self::redis::Redis;
pub use self::settings::Settings;
pub use self::wasi::Wasi;
use crate::capability::Capability;

/// All of them.
pub fn default_capabilities() -> Vec<Arc<dyn Capability>> {
    vec![
        Arc::new(Wasi),
        Arc::new(Postgres),
        Arc::new(Redis),
        Arc::new(Kafka),
        Arc::new(Http),
        Arc::new(Settings),
        Arc::new(Logging),
    ]
}
