//! Where something stands in a manifest, for messages.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::secret::Secret;
use super::{ConfigError, KeyError, expand, reasons};

/// A file, a line, a key: `componentd.toml:12: services.users.component`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The manifest's path as it was given; empty where the manifest was built in code.
    pub file: PathBuf,
    /// Counted from 1; none where there is no file, or it could not be read at all.
    pub line: Option<usize>,
    /// The dotted key, `services.users.http.listen`; empty where the file is no TOML.
    pub key: String,
}

impl Place {
    /// Whether it is in a text that was read.
    pub fn is_known(&self) -> bool {
        !self.file.as_os_str().is_empty()
    }

    /// A file as a whole.
    pub(super) fn file(path: &Path) -> Self {
        Self { file: path.to_owned(), line: None, key: String::new() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        match self.key.as_str() {
            "" => Ok(()),
            key if self.is_known() => write!(f, ": {key}"),
            key => f.write_str(key),
        }
    }
}

/// The text that a manifest was read from, so that what turns out wrong later can be found in it.
#[derive(Clone, Default, PartialEq)]
pub struct Source {
    path: PathBuf,
    text: String,
    /// What the files that it refers to have said.
    secrets: OnceLock<Vec<Secret>>,
}

/// The text may have passwords in it.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({})", self.path.display())
    }
}

impl Source {
    pub(super) fn new(path: &Path, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), secrets: OnceLock::new() }
    }

    /// Where `key` stands; where it is absent, the line of the nearest table around it that is there.
    pub fn place(&self, key: &[&str]) -> Place {
        self.place_of(&key.iter().map(|&part| part.to_owned()).collect::<Vec<_>>())
    }

    pub(super) fn place_of(&self, key: &[String]) -> Place {
        let span = DeTable::parse(&self.text).ok().and_then(|table| span_of(table.get_ref(), key));
        self.at(span, key)
    }

    /// What relative paths are taken from.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    pub(super) fn table(&self) -> Result<Spanned<DeTable<'_>>, ConfigError> {
        let wrong = |e: toml::de::Error| self.error(e.span(), &[], reasons::explain_syntax(e.message()));
        DeTable::parse(&self.text).map_err(wrong)
    }

    /// The values of a table, with the variables in them replaced.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        mut table: Spanned<DeTable<'_>>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<T, ConfigError> {
        let written = table.clone();
        let secrets = expand::expand(table.get_mut(), env).map_err(|e| self.error_at(written.get_ref(), e))?;
        let _ = self.secrets.set(secrets);
        serde_path_to_error::deserialize(toml::Deserializer::from(table)).map_err(|e| {
            let key = key_of(e.path());
            let span = e.inner().span().or_else(|| span_of(written.get_ref(), &key));
            self.error(span, &key, reasons::explain(e.inner().message()))
        })
    }

    /// The values of a table that was built in code.
    pub(super) fn of<T: DeserializeOwned>(table: toml::Table) -> Result<T, ConfigError> {
        serde_path_to_error::deserialize(toml::Value::Table(table))
            .map_err(|e| Self::default().error(None, &key_of(e.path()), reasons::explain(e.inner().message())))
    }

    pub(super) fn error_at(&self, written: &DeTable<'_>, error: KeyError) -> ConfigError {
        self.error(span_of(written, &error.key), &error.key, error.reason)
    }

    fn error(&self, span: Option<Range<usize>>, key: &[String], reason: String) -> ConfigError {
        ConfigError { place: self.at(span, key), reason: self.without_secrets(reason) }
    }

    /// A message without what files have said, also as `{:?}` writes it.
    pub(super) fn without_secrets(&self, mut message: String) -> String {
        for secret in self.secrets.get().into_iter().flatten() {
            let quoted = format!("{:?}", &**secret);
            for shown in [&quoted[1..quoted.len() - 1], &**secret] {
                message = message.replace(shown, "(not shown)");
            }
        }
        message
    }

    fn at(&self, span: Option<Range<usize>>, key: &[String]) -> Place {
        let line = span.map(|span| self.text[..span.start.min(self.text.len())].matches('\n').count() + 1);
        Place { file: self.path.clone(), line, key: key.join(".") }
    }
}

pub(super) fn key_of(path: &serde_path_to_error::Path) -> Vec<String> {
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
fn span_of(table: &DeTable<'_>, key: &[String]) -> Option<Range<usize>> {
    let (first, rest) = key.split_first()?;
    let (name, value) = table.get_key_value(first.as_str())?;
    span_within(value, rest).or_else(|| Some(name.span()))
}

fn span_within(value: &Spanned<DeValue<'_>>, key: &[String]) -> Option<Range<usize>> {
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
