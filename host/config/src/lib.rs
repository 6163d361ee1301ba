//! The manifest: read once at the edge, expanded, checked, and from then on plain data.
//!
//! This is the only module that reads configuration files and the environment. Every error names the file, the line and the
//! key, and says what would be right; nothing starts from a manifest that has one.

#![warn(missing_docs, unreachable_pub)]

mod access;
mod affinity;
mod bounds;
mod checks;
mod cors;
mod cron;
mod environment;
mod expand;
mod kafka;
pub mod kinds;
mod manifest;
mod place;
mod probe;
pub mod reasons;
mod reference;
mod schema;
mod secret;
mod section;
mod tls;
pub mod values;

use std::path::Path;

use toml::de::DeTable;

pub use self::access::{AccessError, AdminAccess, AdminTrust, Said, TOKEN_FILE};
pub use self::affinity::Affinity;
pub use self::bounds::{Isolation, Limits, Swap};
pub use self::cors::{Cors, Names, Origins};
pub use self::cron::{CronTrigger, Schedule};
use self::environment::Environment;
pub use self::kafka::{KafkaTrigger, OnLostRecords};
pub use self::manifest::{Admin, HostSettings, HttpTrigger, Manifest, Service, Tables, Trigger};
pub use self::place::{Place, Source};
pub use self::probe::Probe;
pub use self::reference::reference;
pub use self::schema::{Forms, form, schema};
pub use self::secret::{Secret, Unshown};
pub use self::section::Section;
pub use self::tls::Tls;
pub use self::values::{Bytes, Canary, Duration, KeyPattern, Origin};

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct ConfigError {
    /// The file, line and key that it is about.
    pub place: Place,
    /// What is wrong there.
    pub reason: String,
}

/// An error at a key, before it is known where in the file the key stands.
#[derive(Debug)]
struct KeyError {
    key: Vec<String>,
    reason: String,
}

/// The most instances that a pool can have: with 4 GiB of address space each they take a third of what a process has.
pub const MAX_INSTANCES: u32 = 10_000;

/// The size of a 32-bit linear memory, the most that the pool can give one.
pub const MAX_MEMORY: usize = 4 << 30;

/// The manifest where none is named.
pub const DEFAULT_MANIFEST: &str = "componentd.toml";

impl Manifest {
    /// Reads the manifest at `path`, with variables from the environment of this process, or else from `.componentd/env`
    /// beside it. Relative paths in it are taken from its own folder.
    ///
    /// # Errors
    /// The first thing in the file that cannot be right.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = read(path)?;
        let environment = Environment::beside(path)?;
        Self::parse(path, &text, &|name| environment.get(name))
    }

    /// Does the same with the text at hand and `env` as the environment.
    ///
    /// # Errors
    /// As [`Manifest::load`].
    pub fn parse(path: &Path, text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let source = Source::new(path, text);
        let table = source.table()?;
        let written = table.clone();
        let manifest: Self = source.read(table, env)?;
        checks::check(&manifest).map_err(|e| source.error_at(written.get_ref(), e))?;
        let manifest = manifest.resolve_paths(source.folder());
        Ok(Self { source, ..manifest })
    }

    /// The same from a table that was built in code. Its texts are taken as they are: there are no variables in them. Relative
    /// paths are taken from the folder that the process is in.
    ///
    /// ```
    /// let manifest = componentd_config::Manifest::from_toml(toml::toml! {
    ///     [services.hello]
    ///     component = "components/hello.wasm"
    ///     http = { listen = "127.0.0.1:8080" }
    /// });
    /// assert!(manifest.is_ok());
    /// ```
    ///
    /// # Errors
    /// As [`Manifest::load`]; an error names the key, as there is no file.
    pub fn from_toml(table: toml::Table) -> Result<Self, ConfigError> {
        let (source, manifest) = (Source::default(), Source::of::<Self>(table)?);
        checks::check(&manifest).map_err(|e| source.error_at(&DeTable::new(), e))?;
        Ok(manifest.resolve_paths(source.folder()))
    }
}

/// The text of a manifest.
fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|e| ConfigError {
        place: Place::file(path),
        reason: format!("cannot be read: {e}; put it there, or name another with --manifest"),
    })
}

/// What is logged, from `COMPONENTD_LOG`. sqlx tells of every `IF NOT EXISTS` that did exist, and librdkafka of each try to
/// reach a broker that is away, twenty times a second; that it is away we say ourselves.
pub fn log_filter() -> String {
    std::env::var("COMPONENTD_LOG").unwrap_or_else(|_| "info,sqlx=warn,rdkafka=off".to_owned())
}

/// What a line of the log looks like, from `COMPONENTD_LOG_FORMAT`; none where it is not set.
pub fn log_format() -> Option<String> {
    std::env::var("COMPONENTD_LOG_FORMAT").ok().filter(|format| !format.is_empty())
}

/// Where a test lets this process stop, from `COMPONENTD_STOP_AT`: see `stop_at.rs` of the control crate.
#[cfg(debug_assertions)]
pub fn stop_at() -> Option<String> {
    std::env::var("COMPONENTD_STOP_AT").ok()
}

/// Whether colours may go to a terminal: its owner may have said otherwise, in the way of <https://no-color.org>.
pub fn may_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
