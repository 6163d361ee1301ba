//! What components may import without a grant: WASI itself, the settings of the manifest, and the log.

#![warn(missing_docs, unreachable_pub)]

mod logging;
mod pieces;
mod settings;
mod wasi;

pub use self::logging::Logging;
pub use self::settings::Settings;
pub use self::wasi::Wasi;
