//! Fetches the jars of Apache Kafka by their Maven coordinates: `kafka/pom.xml` lists them.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::error::{Doing, Error, Result};
use crate::programs;

const POM: &str = include_str!("../kafka/pom.xml");

/// Fills `folder` with the jars, unless it has those of this `pom.xml` already. Maven decides where they come from.
///
/// # Errors
/// [`Error::Missing`] if there is no Java or no Maven on this machine.
pub fn fetch(folder: &Path) -> Result<()> {
    installed()?;
    if complete(folder) {
        return Ok(());
    }
    let new = folder.with_extension("new");
    for stale in [folder, &new] {
        // Not there, most of the time; and what cannot be removed fails below.
        let _ = fs::remove_dir_all(stale);
    }
    fs::create_dir_all(&new).doing(|| format!("make the folder {}", new.display()))?;
    fs::write(new.join("pom.xml"), POM).doing(|| format!("write {}/pom.xml", new.display()))?;
    run_maven(&new)?;
    fs::rename(&new, folder).doing(|| format!("rename {}", new.display()))
}

/// Whether a broker could run and its jars be fetched.
pub fn installed() -> Result<()> {
    let java = Error::Missing { program: "java", package: "default-jre-headless" };
    let maven = Error::Missing { program: "mvn", package: "maven" };
    programs::find("java").ok_or(java)?;
    programs::find("mvn").ok_or(maven).map(drop)
}

/// It was renamed to this name when it was complete.
fn complete(folder: &Path) -> bool {
    fs::read_to_string(folder.join("pom.xml")).is_ok_and(|pom| pom == POM)
}

fn run_maven(folder: &Path) -> Result<()> {
    let mut maven = Command::new("mvn");
    maven.args(["--batch-mode", "--quiet", "dependency:copy-dependencies", "-DoutputDirectory=."]);
    let output = maven.arg("-DincludeScope=runtime").current_dir(folder).output().doing(|| "run mvn".to_owned())?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Err(Error::Tool { tool: "mvn", status: output.status.to_string(), output: text })
}
