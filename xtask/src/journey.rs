//! `cargo xtask journey`: walks through the README and the book as a new user would, and compares what comes of it.

mod answer;
mod guide;
mod place;
mod shell;
mod store;

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::project::{find, root, step, variable};
use crate::stop::Stop;
use crate::{build, components, setup};
use guide::{Ending, Step, What};
use place::Place;
use shell::Shell;
use store::Store;

/// In the order in which a user would read them.
const PAGES: &[&str] = &[
    "README.md",
    "docs/src/store.md",
    "docs/src/install.md",
    "docs/src/errors.md",
    "docs/src/swapping.md",
    "docs/src/dead-letters.md",
    "docs/src/operating.md",
    "docs/src/tutorial.md",
    "docs/src/languages.md",
];
/// For what comes by itself: a mail, a version that goes live, a letter that was tried five times.
const COMES_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(200);

/// What is asked for.
#[derive(Default, clap::Args)]
pub struct Arguments {
    /// The pages to walk through, by a part of their name; all by default.
    pages: Vec<String>,
}

/// Builds what a clone has after `cargo xtask up`, and walks.
pub fn run(arguments: &Arguments) -> Result<()> {
    setup::for_journey()?;
    components::components()?;
    build::cargo(["build", "--package", "componentd", "--package", "dev-backends"])?;
    walk(&arguments.pages)
}

/// Walks through the pages that are wanted, on what was built.
fn walk(wanted: &[String]) -> Result<()> {
    let stop = Stop::catch()?;
    let place = Place::make()?;
    let is_wanted = |page: &&&str| wanted.is_empty() || wanted.iter().any(|part| page.contains(part.as_str()));
    PAGES.iter().filter(is_wanted).try_for_each(|page| walk_page(page, &place, &stop))?;
    step("the journey is at its end: every command did what its page says");
    Ok(())
}

/// A page has a store of its own, in which ids begin at 1, and a terminal.
fn walk_page(page: &str, place: &Place, stop: &Stop) -> Result<()> {
    let text = fs::read_to_string(root().join(page)).with_context(|| format!("cannot read {page}"))?;
    let steps = guide::steps(&text).with_context(|| page.to_owned())?;
    step(&format!("{page}, with a fresh store"));
    let store = Store::start(place, stop)?;
    let mut shell = Shell::start(&place.store(), &store.environment)?;
    for Step { line, what } in steps {
        if stop.asked() {
            bail!("interrupted");
        }
        if let What::Needs(tools) = &what {
            if let Some(missing) = tools.iter().find(|tool| find(tool).is_none()) {
                lacking(page, line, missing)?;
                break;
            }
            continue;
        }
        take(&what, &store, &mut shell).with_context(|| format!("{page}:{line}"))?;
    }
    Ok(())
}

/// The rest of a page is for those who have this tool; CI must.
fn lacking(page: &str, line: usize, tool: &str) -> Result<()> {
    if variable("CI").is_some() {
        bail!("{page}:{line}: {tool} is not installed, and CI walks every page to its end");
    }
    eprintln!("\n*** {page} is NOT walked from line {line} on: {tool} is not installed. ***\n");
    Ok(())
}

fn take(what: &What, store: &Store, shell: &mut Shell) -> Result<()> {
    match what {
        What::Needs(_) => Ok(()),
        What::Write { file, text } => {
            let path = shell.folder()?.join(file);
            fs::create_dir_all(path.parent().unwrap_or(&path))?;
            fs::write(&path, store.ports.to_ours(text)).with_context(|| format!("cannot write {}", path.display()))
        }
        What::Background { script } => shell.start_in_background(&store.ports.to_ours(script)),
        What::EndBackground => shell.end_background(),
        What::Run { script, ending, expected } => answered(script, *ending, expected.as_deref(), store, shell),
    }
}

/// Runs it, again and again if the page says that it takes a while.
fn answered(script: &str, ending: Ending, expected: Option<&str>, store: &Store, shell: &mut Shell) -> Result<()> {
    let shown = script.lines().next().unwrap_or_default();
    step(&format!("$ {shown}"));
    let deadline = Instant::now() + COMES_WITHIN;
    loop {
        let (code, output) = shell.run(&store.ports.to_ours(script))?;
        let output = store.ports.to_documented(&output);
        let fault = fault(code, &output, ending, expected);
        match fault {
            None => return Ok(()),
            Some(_) if ending == Ending::Until && Instant::now() < deadline => std::thread::sleep(POLL),
            Some(fault) => bail!("`{shown}` {fault}\n{}", shell.background_log()),
        }
    }
}

/// What is not as the page has it.
fn fault(code: i32, output: &str, ending: Ending, expected: Option<&str>) -> Option<String> {
    if (code == 0) == (ending == Ending::Fails) {
        return Some(format!("exits with {code}, having said:\n{output}"));
    }
    let expected = expected?;
    let is_so = answer::agree(expected, output, ending == Ending::Tail);
    (!is_so).then(|| format!("says:\n{output}\nbut the page has:\n{expected}"))
}
