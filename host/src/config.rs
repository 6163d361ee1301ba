//! The manifest: read once at the edge, expanded, checked, and from then on plain data.
//!
//! This is the only module that reads configuration files and the environment. Every error names the file, the line and the
//! key, and says what would be right; nothing starts from a manifest that has one.

mod access;
mod affinity;
mod bounds;
mod checks;
mod cors;
mod environment;
mod expand;
mod manifest;
mod probe;
mod reference;
mod schema;
mod values;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use self::access::{AccessError, AdminAccess};
pub use self::affinity::Affinity;
pub use self::bounds::{Isolation, Limits, OnLostRecords, Swap};
pub use self::cors::{Cors, Names, Origins};
use self::environment::Environment;
pub use self::manifest::{
    Admin, Backends, Grants, HostSettings, HttpGrant, HttpTrigger, KafkaBackend, KafkaGrant, KafkaTrigger, Manifest,
    PostgresBackend, PostgresGrant, RedisBackend, RedisGrant, Service, Trigger,
};
pub use self::probe::Probe;
pub use self::reference::reference;
pub use self::schema::schema;
pub use self::values::{Bytes, Canary, Duration, KeyPattern, Origin};

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub struct ConfigError {
    /// The manifest's path as it was given.
    pub file: PathBuf,
    /// Counted from 1; none where the file could not be read at all.
    pub line: Option<usize>,
    /// The dotted key, `services.users.http.listen`; empty where the file is no TOML.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.reason.trim_end())
    }
}

/// An error at a key, before it is known where in the file the key stands.
#[derive(Debug)]
struct KeyError {
    key: Vec<String>,
    reason: String,
}

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
        let source = Source { path, text };
        let table = source.table()?;
        let written = table.clone();
        let manifest: Self = source.read(table, env)?;
        checks::check(&manifest).map_err(|e| source.error(span_of(written.get_ref(), &e.key), e.key, &e.reason))?;
        Ok(manifest.resolve_paths(path.parent().unwrap_or(Path::new("."))))
    }
}

/// The text of a manifest.
fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|e| ConfigError {
        file: path.to_owned(),
        line: None,
        key: String::new(),
        reason: format!("cannot be read: {e}; name the manifest with --manifest"),
    })
}

/// What is logged, from `COMPONENTD_LOG`. sqlx tells of every `IF NOT EXISTS` that did exist, and librdkafka of each try to
/// reach a broker that is away, twenty times a second; that it is away we say ourselves.
pub fn log_filter() -> String {
    std::env::var("COMPONENTD_LOG").unwrap_or_else(|_| "info,sqlx=warn,rdkafka=off".to_owned())
}

/// The text that spans refer to.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl<'a> Source<'a> {
    fn table(&self) -> Result<Spanned<DeTable<'a>>, ConfigError> {
        DeTable::parse(self.text).map_err(|e| self.error(e.span(), Vec::new(), e.message()))
    }

    /// The values of a table, with the variables in them replaced.
    fn read<T: DeserializeOwned>(
        &self,
        mut table: Spanned<DeTable<'_>>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<T, ConfigError> {
        let written = table.clone();
        expand::expand(table.get_mut(), env)
            .map_err(|e| self.error(span_of(written.get_ref(), &e.key), e.key, &e.reason))?;
        serde_path_to_error::deserialize(toml::Deserializer::from(table)).map_err(|e| {
            let key = key_of(e.path());
            let span = e.inner().span().or_else(|| span_of(written.get_ref(), &key));
            self.error(span, key, e.inner().message())
        })
    }

    fn error(&self, span: Option<std::ops::Range<usize>>, key: Vec<String>, reason: &str) -> ConfigError {
        let line = span.map(|span| self.text[..span.start.min(self.text.len())].matches('\n').count() + 1);
        ConfigError { file: self.path.to_owned(), line, key: key.join("."), reason: reason.to_owned() }
    }
}

fn key_of(path: &serde_path_to_error::Path) -> Vec<String> {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Map { key } => Some(key.clone()),
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// Where a key stands; where it is absent, the nearest table around it that is there.
fn span_of(table: &DeTable<'_>, key: &[String]) -> Option<std::ops::Range<usize>> {
    let (first, rest) = key.split_first()?;
    let (name, value) = table.get_key_value(first.as_str())?;
    span_within(value, rest).or_else(|| Some(name.span()))
}

fn span_within(value: &Spanned<DeValue<'_>>, key: &[String]) -> Option<std::ops::Range<usize>> {
    let (first, rest) = key.split_first()?;
    match value.get_ref() {
        DeValue::Table(table) => span_of(table, key),
        DeValue::Array(items) => {
            let item = items.get(first.parse::<usize>().ok()?)?;
            span_within(item, rest).or_else(|| Some(item.span()))
        }
        _ => None,
    }
}
