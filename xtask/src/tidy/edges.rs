//! The crates of the host use each other as ARCHITECTURE.md says, and in no other way.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const GRAPH: &str = "ARCHITECTURE.md";
const OURS: &str = "componentd";

/// Edges that are in one of the two only: the table of crates, whose last column has what each uses, and the manifests of
/// cargo.
pub fn check(root: &Path) -> Result<Vec<String>> {
    if !root.join("host").is_dir() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(root.join(GRAPH)).with_context(|| format!("cannot read {GRAPH}"))?;
    let mut findings = Vec::new();
    for manifest in manifests(&root.join("host"))? {
        let cargo = fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
        let shown = manifest.strip_prefix(root).unwrap_or(&manifest).display().to_string();
        findings.extend(compare(&text, &cargo).into_iter().map(|what| format!("{shown}:1: {what}")));
    }
    Ok(findings)
}

fn manifests(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = vec![folder.join("Cargo.toml")];
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        found.push(entry?.path().join("Cargo.toml"));
    }
    found.retain(|manifest| manifest.is_file());
    found.sort();
    Ok(found)
}

fn compare(graph: &str, cargo: &str) -> Vec<String> {
    let Some(name) = cargo.lines().find_map(|line| line.strip_prefix("name = ")) else { return Vec::new() };
    let name = name.trim_matches('"');
    let Some(drawn) = drawn(graph, name) else {
        return vec![format!("{GRAPH} has no row for the crate {name} in its table of crates")];
    };
    let used = used(cargo);
    let new = used.difference(&drawn).map(|other| {
        format!("{name} must not use {other}: turn the edge round, or draw it in the table of crates of {GRAPH}")
    });
    let gone = drawn.difference(&used).map(|other| format!("{name} does not use {other}: take it out of {GRAPH}"));
    new.chain(gone).collect()
}

/// What the row of a crate says that it uses.
fn drawn(graph: &str, name: &str) -> Option<BTreeSet<String>> {
    let start = format!("| `{name}` |");
    let row = graph.lines().find(|line| line.starts_with(&start))?;
    let last = row.trim_end_matches(['|', ' ']).rsplit('|').next()?;
    Some(last.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

/// The crates of the host among the dependencies; what only tests need is free.
fn used(cargo: &str) -> BTreeSet<String> {
    let dependencies = cargo.split("[dependencies]").nth(1).unwrap_or_default();
    let dependencies = dependencies.split("\n[").next().unwrap_or_default();
    let names = dependencies.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    names.filter(|name| name.starts_with(OURS)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::compare;

    const GRAPH: &str = "| crate | what | uses |\n| `componentd-core` | runs | `componentd-config` |\n";

    #[test]
    fn an_edge_that_is_not_drawn_is_refused_and_one_that_is_gone_too() {
        let cargo = |uses: &str| {
            let tests = "[dev-dependencies]\ncomponentd-admin = { path = \"a\" }\n";
            format!("[package]\nname = \"componentd-core\"\n\n[dependencies]\n{uses}serde = \"1\"\n\n{tests}")
        };
        assert_eq!(compare(GRAPH, &cargo("componentd-config = { path = \"../config\" }\n")), Vec::<String>::new());
        let wrong = compare(GRAPH, &cargo("componentd-admin = { path = \"../admin\" }\n"));
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong[0].contains("must not use componentd-admin") && wrong[1].contains("does not use"), "{wrong:?}");
        assert!(compare("", &cargo(""))[0].contains("has no row"));
    }
}
