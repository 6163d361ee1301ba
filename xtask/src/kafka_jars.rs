//! The jars of Apache Kafka, for whatever starts it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::project::{root, target};
use crate::{build, setup};

/// Apache Kafka, or a loud word that it is not there.
pub fn fetch(who: &str) -> Result<Option<PathBuf>> {
    if !setup::has_jvm() {
        eprintln!("\n*** No Java or no Maven: {who} will have the EMBEDDED Kafka, not Apache's. Install both. ***\n");
        return Ok(None);
    }
    let jars = root().join(".componentd/kafka-jars");
    build::run(Command::new(target().join("debug/dev-backends")).args(["fetch-kafka", "--into"]).arg(&jars))?;
    Ok(Some(jars))
}
