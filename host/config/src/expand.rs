//! `${NAME}`, `${NAME:-default}` and `${file:/run/secrets/name}` in the strings of a manifest.
//!
//! Expansion works on parsed strings, never on the text of the file, so a value from outside cannot become syntax.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::KeyError;
use super::environment::is_name;
use super::secret::Secret;

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What a reference to a file begins with.
const FILE: &str = "file:";

/// Replaces all references in a table.
///
/// # Errors
/// One of them cannot be resolved.
pub(super) fn expand(table: &mut DeTable<'_>, env: Env<'_>) -> Result<Vec<Secret>, KeyError> {
    let mut expansion = Expansion { env, secrets: Vec::new() };
    expansion.table(table)?;
    Ok(expansion.secrets)
}

struct Expansion<'a> {
    env: Env<'a>,
    /// What files have said.
    secrets: Vec<Secret>,
}

impl Expansion<'_> {
    fn table(&mut self, table: &mut DeTable<'_>) -> Result<(), KeyError> {
        for (name, value) in table.iter_mut() {
            self.value(value).map_err(|e| e.within(name.get_ref()))?;
        }
        Ok(())
    }

    fn value(&mut self, value: &mut Spanned<DeValue<'_>>) -> Result<(), KeyError> {
        match value.get_mut() {
            DeValue::String(text) if text.contains("${") => {
                *text = self.text(text).map_err(|reason| KeyError { key: Vec::new(), reason })?.into();
            }
            DeValue::Table(table) => self.table(table)?,
            DeValue::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.value(item).map_err(|e| e.within(&index.to_string()))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<String, String> {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (reference, after) =
                after.split_once('}').ok_or_else(|| format!("`${{` without `}}` in {text:?}: write ${{NAME}}"))?;
            expanded.push_str(before);
            expanded.push_str(&self.resolve(reference)?);
            rest = after;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    /// As in a shell, the default stands in for an unset or empty variable; and for a file that is not there, or is empty.
    fn resolve(&mut self, reference: &str) -> Result<String, String> {
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        let found = match name.strip_prefix(FILE) {
            Some(path) => self.file(Path::new(path), default.is_some())?,
            None if is_name(name) => (self.env)(name).filter(|value| !value.is_empty()),
            None => {
                let forms = "write ${NAME}, ${NAME:-default} or ${file:/path}";
                return Err(format!("`${{{reference}}}` is no variable: {forms}"));
            }
        };
        found
            .or_else(|| default.map(str::to_owned))
            .ok_or_else(|| format!("the environment variable {name} is not set; set it, or write ${{{name}:-default}}"))
    }

    /// What a file has, without the line end that editors put behind it. None if it is not there, or is empty, and `may_lack`.
    fn file(&mut self, path: &Path, may_lack: bool) -> Result<Option<String>, String> {
        let shown = path.display();
        if !path.is_absolute() {
            return Err(format!("{shown:?} is no whole path: write it from / on, as in ${{file:/run/secrets/name}}"));
        }
        let text = match std::fs::read_to_string(path) {
            Err(error) if may_lack && error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|e| format!("{shown} cannot be read: {e}; put it there, readable for this user"))?,
        };
        let text = text.strip_suffix('\n').map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line));
        if text.is_empty() {
            return if may_lack { Ok(None) } else { Err(format!("{shown} is empty; write the value into it")) };
        }
        self.secrets.push(Secret::from(text.to_owned()));
        Ok(Some(text.to_owned()))
    }
}

impl KeyError {
    fn within(mut self, name: &str) -> Self {
        self.key.insert(0, name.to_owned());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "SET" => Some("value".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    fn expand_text(text: &str, env: Env<'_>) -> Result<String, String> {
        Expansion { env, secrets: Vec::new() }.text(text)
    }

    /// A file with this text, for as long as it is kept.
    fn file(text: &str) -> (tempfile::NamedTempFile, String) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let reference = format!("${{file:{}}}", file.path().display());
        (file, reference)
    }

    #[test]
    fn files_are_taken_without_their_last_line_end() {
        for (text, expected) in
            [("a b", "a b"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" ${SET}\n", " ${SET}")]
        {
            let (_file, reference) = file(text);
            assert_eq!(expand_text(&format!("<{reference}>"), &env).unwrap(), format!("<{expected}>"), "{text:?}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_taken_is_named() {
        let absent = expand_text("${file:/absent/secret}", &env).unwrap_err();
        assert!(absent.starts_with("/absent/secret cannot be read: "), "{absent}");
        assert_eq!(expand_text("${file:/absent/secret:-none}", &env).unwrap(), "none");
        assert!(expand_text("${file:secret}", &env).unwrap_err().contains("from / on"));
        let (kept, reference) = file("\n");
        assert!(expand_text(&reference, &env).unwrap_err().starts_with(&format!("{} is empty", kept.path().display())));
    }

    #[test]
    fn variables_and_defaults() {
        assert_eq!(expand_text("a-${SET}-b-${UNSET:-c}", &env).unwrap(), "a-value-b-c");
        assert_eq!(expand_text("${EMPTY:-default}", &env).unwrap(), "default");
        assert_eq!(expand_text("${UNSET:-}", &env).unwrap(), "");
        assert_eq!(expand_text("$SET and {SET}", &env).unwrap(), "$SET and {SET}");
    }

    #[test]
    fn what_cannot_be_resolved_is_named() {
        assert!(expand_text("${UNSET}", &env).unwrap_err().contains("UNSET"));
        assert!(expand_text("${SET", &env).unwrap_err().contains("without"));
        assert!(expand_text("${a b}", &env).unwrap_err().contains("no variable"));
    }
}
