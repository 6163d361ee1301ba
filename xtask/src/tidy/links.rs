//! Markdown: links lead to files that exist, and to headings that these have.

use std::fs;
use std::path::Path;

use super::{Finding, headings};

/// The links that lead nowhere.
pub fn check(path: &Path, text: &str) -> Vec<Finding> {
    let lines = headings::prose(text);
    let links = lines.flat_map(|(number, line)| targets(line).map(move |target| (number, target)));
    let relative = links.filter(|(_, target)| !target.is_empty() && !target.contains(':'));
    relative.filter_map(|(number, target)| Some((number, fault(path, text, target)?))).collect()
}

/// What is between `](` and `)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// What is wrong with a link of the file `path`, whose text is given.
fn fault(path: &Path, text: &str, target: &str) -> Option<String> {
    let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
    let linked = path.parent().unwrap_or(path).join(file);
    if !file.is_empty() && !linked.exists() {
        return Some(format!("{target} does not exist"));
    }
    let is_place = !fragment.is_empty() && (file.is_empty() || super::files::is(&linked, "md"));
    if !is_place {
        return None;
    }
    let other = if file.is_empty() { text.to_owned() } else { fs::read_to_string(&linked).ok()? };
    let missing = !headings::slugs(&other).contains(fragment);
    missing.then(|| format!("{target}: no heading has the name {fragment}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_code_are_not_checked() {
        let text = "[a](https://example.com/x)\n```text\n[b](absent.md)\n```\n[c](Cargo.toml) [d](absent.md)";
        assert_eq!(check(&in_xtask(), text), [(5, "absent.md does not exist".to_owned())]);
    }

    #[test]
    fn fragments_name_headings() {
        let text = "# Here\n[a](#here) [b](#there)\n[c](../README.md#licence) [d](../README.md#gone)";
        let gone = "../README.md#gone: no heading has the name gone";
        let missing = [(2, "#there: no heading has the name there"), (3, gone)];
        assert_eq!(check(&in_xtask(), text), missing.map(|(line, what)| (line, what.to_owned())));
    }

    fn in_xtask() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("imagined.md")
    }
}
