//! What the images are built from, and what names they and their volumes get.

use anyhow::{Result, ensure};

use super::expect;
use crate::compose::clone::Clone;
use crate::compose::engine::output;
use crate::compose::store::Store;

/// Secrets as users keep them, below the clone.
const SECRETS: [&str; 2] = ["compose/notifications.env", "compose/postgres.env"];
/// Takes all that the engine is sent.
const EVERYTHING: &str = "FROM scratch\nCOPY . /\n";

/// Also files whose names are those of generated ones.
pub fn context_is_the_project_without_secrets(store: &Store, _: &Clone) -> Result<()> {
    store.clone.write(SECRETS[0], "MAIL_FROM=shop@example.com\nSECRET_MARK=1\n")?;
    store.clone.write(SECRETS[1], "SECRET_MARK=1\n")?;
    // Outside of what is sent: it would be in what is looked at.
    let (dockerfile, sent) = (store.engine.folder().join("everything"), store.engine.folder().join("sent.tar"));
    std::fs::write(&dockerfile, EVERYTHING)?;
    let output_to = format!("type=tar,dest={}", sent.display());
    let mut build = store.engine.docker(["buildx", "build", "--quiet", "--output", &output_to, "--file"]);
    output(build.arg(&dockerfile).arg(".").current_dir(store.clone.path()))?;
    let list = output(std::process::Command::new("tar").arg("--list").arg("--file").arg(&sent));
    std::fs::remove_file(&sent)?;
    let list = list?;
    let files: Vec<_> = list.lines().map(|line| line.trim_start_matches("./")).collect();
    for secret in SECRETS.into_iter().chain([".env"]) {
        ensure!(!files.contains(&secret), "{secret} is sent to the engine: add it to .dockerignore");
    }
    let mut tracked = std::process::Command::new("git");
    let tracked =
        output(tracked.args(["ls-files", "--", "*.rs", "*.toml", "*.sql"]).current_dir(crate::project::root()))?;
    for file in tracked.lines().filter(|file| store.clone.path().join(file).is_file()) {
        ensure!(files.contains(&file), "{file} is not sent to the engine: see .dockerignore");
    }
    Ok(())
}

/// By the names of their folders, or by the one that `.env` gives.
pub fn clones_share_nothing(store: &Store, other: &Clone) -> Result<()> {
    let ours = store.compose(["config"])?;
    let theirs = || {
        let mut config = store.engine.docker(["compose", "config"]);
        output(config.current_dir(other.path()).env_remove("COMPOSE_PROJECT_NAME").env_remove("COMPOSE_FILE"))
    };
    let by_folder = theirs()?;
    other.write(".env", "COMPOSE_PROJECT_NAME=three\n")?;
    let by_setting = theirs()?;
    for volume in ["postgres", "redis", "kafka", "versions"] {
        expect(&format!("name: one_{volume}"), &ours)?;
        expect(&format!("name: two_{volume}"), &by_folder)?;
        expect(&format!("name: three_{volume}"), &by_setting)?;
    }
    Ok(())
}
