//! A copy of what the host runs, so that builds during a run disturb nothing.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::options::Options;

const MANIFEST: &str = "componentd.toml";
const COMPONENTS: &[&str] = &["users", "orders", "store", "notifications", "shop"];

/// A folder with the binary, the manifest, the components and their migrations.
#[derive(Debug)]
pub struct Stage(PathBuf);

impl Stage {
    /// Copies everything into `folder`.
    ///
    /// # Errors
    /// Something is not built; the message says how to build it.
    pub fn set(options: &Options, folder: &Path) -> Result<Self> {
        let beside = std::env::current_exe()?.with_file_name("componentd");
        let binary = options.componentd.clone().unwrap_or(beside);
        copy(&binary, &folder.join("componentd"), "cargo build --package componentd")?;
        copy(&root().join(MANIFEST), &folder.join(MANIFEST), "git checkout componentd.toml")?;
        for name in COMPONENTS {
            let component = Path::new("components").join(name);
            let file = component.with_extension("wasm");
            copy(&root().join(&file), &folder.join(&file), "cargo xtask components")?;
            copy_migrations(&root().join(&component), &folder.join(&component))?;
        }
        Ok(Self(folder.to_owned()))
    }

    /// Where it is: the host's working directory.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// The host's binary.
    pub fn binary(&self) -> PathBuf {
        self.0.join("componentd")
    }
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("chaos/ is in the root")
}

/// The jars of Apache Kafka, where there are any.
///
/// # Errors
/// There are none, and this is CI.
pub fn kafka_jars(options: &Options) -> Result<Option<PathBuf>> {
    let fetched = root().join(".componentd/kafka-jars");
    let jars = options.kafka_jars.clone().unwrap_or(fetched);
    if jars.join("pom.xml").is_file() {
        return Ok(Some(jars));
    }
    let fetch = "type `cargo run -p dev-backends -- fetch-kafka --into .componentd/kafka-jars`";
    if std::env::var_os("CI").is_some_and(|value| !value.is_empty()) {
        bail!("CI runs chaos against Apache Kafka, and {} has no jars: {fetch}", jars.display());
    }
    eprintln!(
        "\n*** No Apache Kafka: the EMBEDDED broker stands in, and is never killed. To change that, {fetch}. ***\n"
    );
    Ok(None)
}

fn copy(from: &Path, to: &Path, command: &str) -> Result<()> {
    if !from.is_file() {
        bail!("{} is missing: type `{command}`", from.display());
    }
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}

fn copy_migrations(from: &Path, to: &Path) -> Result<()> {
    let Ok(files) = fs::read_dir(from.join("migrations")) else { return Ok(()) };
    for file in files {
        let file = file?;
        copy(&file.path(), &to.join("migrations").join(file.file_name()), "git checkout components")?;
    }
    Ok(())
}
