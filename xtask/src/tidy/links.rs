//! Markdown: links to files lead somewhere.

use std::path::Path;

use super::Finding;

/// The links that lead nowhere.
pub fn check(path: &Path, text: &str) -> Vec<Finding> {
    let folder = path.parent().unwrap_or(path);
    let lines = text.lines().enumerate();
    let links = lines.flat_map(|(index, line)| targets(line).map(move |target| (index + 1, target)));
    let dead = links.filter(|(_, target)| is_file(target) && !folder.join(without_fragment(target)).exists());
    dead.map(|(line, target)| (line, format!("{target} does not exist"))).collect()
}

/// What is between `](` and `)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// Not an address, and not a place in the same file.
fn is_file(target: &str) -> bool {
    !target.contains(':') && !target.starts_with('#') && !target.is_empty()
}

fn without_fragment(target: &str) -> &str {
    target.split('#').next().unwrap_or(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_fragments_are_not_files() {
        let text = "[a](https://example.com/x) [b](#here)\n[c](Cargo.toml#y) [d](absent.md)";
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        assert_eq!(check(&manifest, text), [(2, "absent.md does not exist".to_owned())]);
    }
}
