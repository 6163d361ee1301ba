//! `${NAME}` and `${NAME:-default}` in the strings of a manifest.
//!
//! Expansion works on parsed strings, never on the text of the file, so a value from the environment cannot become syntax.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::KeyError;
use super::environment::is_name;

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

pub(super) fn expand(table: &mut DeTable<'_>, env: Env<'_>) -> Result<(), KeyError> {
    for (name, value) in table.iter_mut() {
        expand_value(value, env).map_err(|e| e.within(name.get_ref()))?;
    }
    Ok(())
}

fn expand_value(value: &mut Spanned<DeValue<'_>>, env: Env<'_>) -> Result<(), KeyError> {
    match value.get_mut() {
        DeValue::String(text) if text.contains("${") => {
            *text = expand_text(text, env).map_err(|reason| KeyError { key: Vec::new(), reason })?.into();
        }
        DeValue::Table(table) => expand(table, env)?,
        DeValue::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                expand_value(item, env).map_err(|e| e.within(&index.to_string()))?;
            }
        }
        _ => {}
    }
    Ok(())
}

impl KeyError {
    fn within(mut self, name: &str) -> Self {
        self.key.insert(0, name.to_owned());
        self
    }
}

fn expand_text(text: &str, env: Env<'_>) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (reference, after) =
            after.split_once('}').ok_or_else(|| format!("`${{` without `}}` in {text:?}: write ${{NAME}}"))?;
        expanded.push_str(before);
        expanded.push_str(&resolve(reference, env)?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// As in a shell, the default stands in for an unset or empty variable.
fn resolve(reference: &str, env: Env<'_>) -> Result<String, String> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    if !is_name(name) {
        return Err(format!("`${{{reference}}}` is no variable: write ${{NAME}} or ${{NAME:-default}}"));
    }
    match (env(name).filter(|value| !value.is_empty()), default) {
        (Some(value), _) => Ok(value),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => {
            Err(format!("the environment variable {name} is not set; set it, or write ${{{name}:-default}}"))
        }
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
