//! `.dockerignore`: what git keeps is never kept out of the images' build.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Files that the build would lack, each with the mend; none outside of a git repository.
pub fn check(root: &Path) -> Result<Vec<String>> {
    if !root.join(".git").exists() || !root.join(".dockerignore").exists() {
        return Ok(Vec::new());
    }
    let mut command = Command::new("git");
    command.args(["ls-files", "--cached", "--ignored", "--exclude-from=.dockerignore"]).current_dir(root);
    let output = command.output().context("cannot run git")?;
    if !output.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let files = String::from_utf8(output.stdout)?;
    Ok(files
        .lines()
        .map(|file| format!("{file}:1: .dockerignore keeps it out of the build, though git has it"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_tracked_file_that_the_build_lacks_is_found() {
        let root = std::env::temp_dir().join(format!("xtask-dockerignore-{}", std::process::id()));
        fs::create_dir_all(root.join("src")).unwrap();
        fs::write(root.join(".dockerignore"), "**/bindings.rs\n/target\n").unwrap();
        for file in ["src/bindings.rs", "src/lib.rs"] {
            fs::write(root.join(file), "").unwrap();
        }
        for arguments in [["init", "--quiet"], ["add", "."]] {
            assert!(Command::new("git").args(arguments).current_dir(&root).status().unwrap().success());
        }
        let found = check(&root).unwrap();
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("src/bindings.rs:1: "), "{found:?}");
    }
}
