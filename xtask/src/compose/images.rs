//! The images of others: from a registry, or stand-ins where none answers.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

use super::engine::Engine;
use crate::packages::{self, DEBOOTSTRAP, JVM};
use crate::project::{root, step};
use crate::{build, setup};

/// Which stand-in there is for which image, in the order in which they need each other; `compose/standins/build.sh` has
/// a function for each.
const STANDINS: [(&str, &str); 5] =
    [("debian", "debian"), ("rust", "rust"), ("postgres", "postgres"), ("redis", "redis"), ("kafka", "apache/kafka")];

/// Puts all images into the engine; the names of those that are stand-ins.
pub fn ensure(engine: &Engine) -> Result<Vec<String>> {
    let wanted = wanted()?;
    let missing: Vec<_> = wanted.iter().filter(|(_, name)| !is_there(engine, name)).collect();
    // A name that does not come tells as much as all of them.
    if let Some((_, first)) = missing.first()
        && !pull(engine, first)
    {
        say_loudly(&missing.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>());
        for (standin, name) in &missing {
            make(engine, standin, name)?;
        }
    }
    Ok(wanted.into_iter().map(|(_, name)| name).filter(|name| is_standin(engine, name)).collect())
}

/// Their names are those of real images: they stay only in an engine that is ours.
pub fn remove_standins(engine: &Engine, names: &[String]) {
    if engine.is_own() {
        return;
    }
    for name in names {
        // What still uses one keeps it, under no name.
        let _ = engine.ask(["image", "rm", "--force", name]);
    }
}

/// Each stand-in, and the name of the image that it is for, as the project's files have it.
fn wanted() -> Result<Vec<(&'static str, String)>> {
    let files = ["Dockerfile", "docker-compose.yml"];
    let texts = files.map(|file| fs::read_to_string(root().join(file)).with_context(|| format!("cannot read {file}")));
    let text = texts.into_iter().collect::<Result<Vec<_>>>()?.join("\n");
    let named = |(standin, image)| {
        let name = name_in(&text, image).with_context(|| format!("no image {image}:… in {}", files.join(" or ")))?;
        Ok((standin, name))
    };
    STANDINS.into_iter().map(named).collect()
}

/// `image:tag`, after `FROM` or `image:`.
fn name_in(text: &str, image: &str) -> Option<String> {
    let words = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        matches!(words.next(), Some("FROM" | "image:")).then(|| words.next())?
    });
    words.into_iter().find(|word| word.split_once(':').is_some_and(|(name, _)| name == image)).map(str::to_owned)
}

fn is_there(engine: &Engine, name: &str) -> bool {
    engine.ask(["image", "inspect", name]).is_ok()
}

fn is_standin(engine: &Engine, name: &str) -> bool {
    let label = engine.ask(["image", "inspect", "--format", "{{index .Config.Labels \"componentd.standin\"}}", name]);
    label.is_ok_and(|label| label == "true")
}

fn pull(engine: &Engine, name: &str) -> bool {
    step(&format!("docker pull {name}"));
    engine.run(["pull", "--quiet", name]).is_ok()
}

fn say_loudly(names: &[&str]) {
    eprintln!("\n*** No container registry answers: STAND-INS take the place of {}. ***", names.join(", "));
    eprintln!("*** They are made of Debian's and Maven's packages, and are not the images that users get. ***\n");
}

fn make(engine: &Engine, standin: &str, name: &str) -> Result<()> {
    if !Uid::effective().is_root() {
        bail!("only root can make stand-ins for the images of others: run this as root, or where a registry answers");
    }
    packages::ensure(&[DEBOOTSTRAP])?;
    if !setup::has_jvm() {
        packages::ensure(JVM).context("the stand-ins of Postgres and Kafka come by Maven")?;
    }
    let mut command = Command::new(root().join("compose/standins/build.sh"));
    engine.prepare(&mut command);
    build::run(command.args([standin, name]).arg(engine.folder().join("standins")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_name_an_image_for_each_standin() {
        let names = wanted().unwrap();
        assert_eq!(names.len(), STANDINS.len());
        assert!(
            names.iter().all(|(_, name)| name.split_once(':').is_some_and(|(_, tag)| !tag.is_empty())),
            "{names:?}"
        );
    }

    #[test]
    fn a_name_is_that_of_the_whole_image() {
        let text = "FROM debian:13-slim AS runtime\n    image: apache/kafka:4.4.0\n# redis:1\n";
        assert_eq!(name_in(text, "apache/kafka").as_deref(), Some("apache/kafka:4.4.0"));
        assert_eq!(name_in(text, "kafka"), None);
        assert_eq!(name_in(text, "redis"), None);
    }
}
