//! `cargo xtask tidy`: what the compiler does not check, and people forget.

mod book;
mod dockerignore;
mod edges;
mod files;
mod headings;
mod links;
mod rust;
mod sleep;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::project::{root, step};

/// Something to mend: line (from 1) and what is wrong.
pub type Finding = (usize, String);

/// Checks every file that is ours; an error if any has something to mend.
pub fn run() -> Result<()> {
    let findings = check(root())?;
    for finding in &findings {
        eprintln!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} to mend", findings.len());
    }
    step("tidy: nothing to mend");
    Ok(())
}

/// `file:line: what is wrong`, for everything below `root`.
fn check(root: &Path) -> Result<Vec<String>> {
    let mut findings = book::check(root)?;
    findings.extend(dockerignore::check(root)?);
    findings.extend(edges::check(root)?);
    for path in files::below(root)? {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        let mut found = if files::is(&path, "rs") { rust::check(&path, &text) } else { links::check(&path, &text) };
        found.extend(sleep::check(Path::new(&shown), &text));
        findings.extend(found.into_iter().map(|(line, what)| format!("{shown}:{line}: {what}")));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_finding_names_file_and_line() {
        let root = std::env::temp_dir().join(format!("xtask-tidy-{}", std::process::id()));
        fs::create_dir_all(root.join("target")).unwrap();
        fs::write(root.join("bare.rs"), "fn f() {}\n").unwrap();
        fs::write(root.join("main.rs"), "//! M.\n".repeat(101)).unwrap();
        fs::write(root.join("later.rs"), ["//! L.\n// TO", "DO: it\n"].concat()).unwrap();
        fs::write(root.join("README.md"), "# R\n[a](main.rs) [b](gone.md#x)\n").unwrap();
        fs::write(root.join("target/ignored.rs"), "").unwrap();
        fs::create_dir_all(root.join("docs/src")).unwrap();
        fs::write(root.join("docs/src/SUMMARY.md"), "[a](listed.md)\n").unwrap();
        fs::write(root.join("docs/src/listed.md"), "# A\n").unwrap();
        fs::write(root.join("docs/src/lost.md"), "# L\n").unwrap();
        let mut findings = check(&root).unwrap();
        fs::remove_dir_all(&root).unwrap();
        findings.sort();
        let places: Vec<_> = findings.iter().map(|finding| finding.split(": ").next().unwrap()).collect();
        assert_eq!(
            places,
            ["README.md:2", "bare.rs:1", "docs/src/lost.md:1", "later.rs:2", "main.rs:101"],
            "{findings:?}"
        );
    }
}
