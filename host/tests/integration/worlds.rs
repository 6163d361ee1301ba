//! The worlds of the store's components say what the built components import and export.

use std::collections::BTreeSet;

use crate::support::files::{component, root};
use crate::support::process::command;

/// What a toolchain and the types of other interfaces bring along, which no world needs to name.
const IMPLIED: [&str; 7] = [
    "wasi:io/",
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:random/",
    "wasi:filesystem/",
    "wasi:http/types",
    "componentd:kafka/types",
];

const STORE: [&str; 5] = ["users", "orders", "store", "notifications", "shop"];

fn named(names: impl Iterator<Item = String>) -> BTreeSet<String> {
    names.filter(|name| !IMPLIED.iter().any(|implied| name.starts_with(implied))).collect()
}

/// The interfaces after `import` and `export` in the world.
fn of_world(name: &str) -> BTreeSet<String> {
    let world = std::fs::read_to_string(root().join("components").join(name).join("wit/world.wit")).unwrap();
    let lines = world.lines().map(str::trim).filter_map(|line| {
        let interface = line.strip_prefix("import ").or_else(|| line.strip_prefix("export "))?;
        Some(interface.trim_end_matches(';').to_owned())
    });
    named(lines)
}

/// The indented lines of `inspect` that name an interface.
async fn of_component(name: &str) -> Vec<String> {
    let ended = command(&["inspect", &component(name)], &[]).await;
    ended.expect(0);
    let lines = ended.stdout.lines().filter_map(|line| line.strip_prefix("  "));
    lines.filter(|line| line.contains(':') && !line.contains(' ')).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_world_names_what_its_component_asks_for() {
    for name in STORE {
        assert_eq!(named(of_component(name).await.into_iter()), of_world(name), "{name}");
    }
}

/// Each import costs time at each start of an instance: see `sdk/src/stdio.rs`.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_imported_for_descriptors_that_no_component_has() {
    for name in STORE {
        let imports = of_component(name).await;
        assert!(imports.iter().any(|import| import.starts_with("wasi:cli/stderr@")), "{name}: {imports:?}");
        let needless = |import: &&String| ["terminal", "stdin", "filesystem"].iter().any(|part| import.contains(part));
        assert_eq!(imports.iter().find(needless), None, "{name}");
    }
}
