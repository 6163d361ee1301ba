//! Markdown: links lead to files that exist, to headings that these have, and to addresses that can be.

use std::fs;
use std::path::Path;

use super::{Finding, headings};

/// The links that lead nowhere. Addresses of the web are looked at and not asked for: checks need no network.
pub fn check(path: &Path, text: &str) -> Vec<Finding> {
    let lines = headings::prose(text);
    let links = lines.flat_map(|(number, line)| targets(line).map(move |target| (number, target)));
    let links = links.filter(|(_, target)| !target.is_empty());
    let fault = |target: &str| if target.contains(':') { web_fault(target) } else { fault(path, text, target) };
    links.filter_map(|(number, target)| Some((number, fault(target)?))).collect()
}

/// What is between `](` and `)`, and addresses between `<` and `>`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let named = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let bare = line.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(target, _)| target);
    named.chain(bare.filter(|target| target.contains("://")))
}

/// What is wrong with a link that names its scheme.
fn web_fault(target: &str) -> Option<String> {
    let (scheme, rest) = target.split_once("://").unwrap_or_default();
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let is_here = host.split(':').next().is_some_and(|name| ["localhost", "127.0.0.1"].contains(&name));
    let is_label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let is_name = host.contains('.') && host.split('.').all(is_label);
    let is_path = path.chars().all(|c| c.is_ascii_graphic() && !"\"<>\\^`{|}".contains(c));
    let what = match scheme {
        "http" | "https" if is_here => return None,
        "https" if !is_name || host.ends_with(".example") => "its host is no name of the internet",
        "https" if !is_path || path.ends_with(['.', ',', ';']) => "its path has what no address has",
        "https" => return None,
        "http" => "link to https",
        _ => "it is neither a path nor https",
    };
    Some(format!("{target}: {what}"))
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
    fn code_is_not_checked() {
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

    #[test]
    fn addresses_are_such_as_can_be() {
        let good = ["https://a.example.com", "https://semver.org/spec/v2.0.0.html#x", "http://localhost:8084"];
        let bad =
            ["http://a.org", "https://a", "https://a..org/", "https://a.org/b c", "https://a.org/.", "ftp://a.org"];
        let bad = bad.into_iter().chain(["htps:/a.org", "https://shop.example/x", "https:///x", "mailto:a"]);
        for target in good {
            assert_eq!(check(&in_xtask(), &format!("[a]({target}) <{target}>")), [], "{target}");
        }
        for target in bad {
            let found = check(&in_xtask(), &format!("[a]({target})"));
            assert!(found.len() == 1 && found[0].1.starts_with(target), "{target}: {found:?}");
        }
        assert_eq!(check(&in_xtask(), "<http://a.org>").len(), 1);
    }

    fn in_xtask() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("imagined.md")
    }
}
