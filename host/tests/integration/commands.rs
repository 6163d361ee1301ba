//! The commands that start nothing: help, check, inspect.

use crate::support::files::{component, guest, root};
use crate::support::process::{Ended, ManifestFile, command};

fn lines(ended: &Ended) -> Vec<&str> {
    ended.stdout.lines().collect()
}

/// Variables without which `componentd.toml` cannot be read; nothing listens there.
fn environment() -> Vec<(&'static str, String)> {
    [
        ("DATABASE_URL", "postgres://127.0.0.1:1"),
        ("REDIS_URL", "redis://127.0.0.1:1"),
        ("KAFKA_BROKERS", "127.0.0.1:1"),
        ("SENDGRID_API_KEY", "SG.x"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifest_of_the_store_is_well() {
    let path = root().join("componentd.toml");
    for name in ["users", "orders", "store", "notifications", "shop"] {
        component(name);
    }
    let checked = command(&["check", "--manifest", path.to_str().unwrap()], &environment()).await;
    checked.expect(0);
    let services = lines(&checked);
    let names: Vec<_> = services.iter().filter_map(|line| line.split_once(": ")).map(|(name, _)| name).collect();
    assert_eq!(names, ["notifications", "orders", "shop", "store", "users", path.to_str().unwrap()]);
    assert!(services[..5].iter().all(|line| line.contains(".wasm sha256:")), "{services:?}");
    assert_eq!(services[5], format!("{}: all is well", path.display()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_is_not_set_is_named() {
    let text = std::fs::read_to_string(root().join("componentd.toml")).unwrap();
    let line = 1 + text.lines().position(|line| line.starts_with("redis = ")).unwrap();
    // Elsewhere: beside the original, a store that runs may have left its variables.
    let manifest = ManifestFile::new(&text);
    let environment: Vec<_> = environment().into_iter().filter(|(name, _)| *name != "REDIS_URL").collect();
    let checked = command(&["check", "--manifest", manifest.path()], &environment).await;
    let reason = "the environment variable REDIS_URL is not set; set it, or write ${REDIS_URL:-default}";
    assert_eq!(checked.expect(64), format!("componentd: {}:{line}: backends.redis.url: {reason}", manifest.path()));
}

#[tokio::test(flavor = "multi_thread")]
async fn inspect_shows_the_reach_of_a_component() {
    let inspected = command(&["inspect", &component("users")], &[]).await;
    inspected.expect(0);
    let (head, needs) = inspected.stdout.split_once("needs in the manifest\n").unwrap();
    assert!(head.starts_with("version sha256:"), "{head}");
    let (imports, exports) = head.split_once("exports\n").unwrap();
    for import in ["componentd:postgres/client@", "componentd:redis/client@"] {
        assert!(imports.contains(import), "{imports}");
    }
    assert!(!imports.contains("outgoing-handler") && !imports.contains("kafka"), "{imports}");
    assert!(exports.trim().starts_with("wasi:http/incoming-handler@"), "{exports}");
    let needs: Vec<_> = needs.lines().map(str::trim).collect();
    let expected = [
        "grants.postgres.<alias> = { database = \"…\" }  (componentd:postgres/client)",
        "grants.redis = { read = [\"…\"], write = [\"…\"] }  (componentd:redis/client)",
    ];
    assert_eq!(needs, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn inspect_says_so_where_nothing_is_needed() {
    let inspected = command(&["inspect", &guest("misbehave")], &[]).await;
    inspected.expect(0);
    assert!(inspected.stdout.ends_with("needs in the manifest\n  nothing"), "{inspected:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn inspect_names_a_file_that_cannot_be_read() {
    let absent = command(&["inspect", "/absent.wasm"], &[]).await;
    assert!(absent.expect(66).contains("/absent.wasm"), "{absent:?}");
    let manifest = root().join("componentd.toml");
    let text = command(&["inspect", manifest.to_str().unwrap()], &[]).await;
    assert!(text.expect(65).contains("is no WebAssembly component"), "{text:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn help_teaches() {
    let help = command(&["--help"], &[]).await;
    help.expect(0);
    for word in ["run", "check", "inspect", "Exit codes:", "COMPONENTD_LOG", "Start with `componentd check`"] {
        assert!(help.stdout.contains(word), "{word}");
    }
    let run = command(&["run", "--help"], &[]).await;
    run.expect(0);
    assert!(run.stdout.contains("--manifest") && run.stdout.contains("componentd.toml"), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_line_that_is_wrong_exits_64() {
    for arguments in [&[][..], &["walk"], &["run", "--speed", "high"], &["inspect"]] {
        let ended = command(arguments, &[]).await;
        assert_eq!(ended.code, Some(64), "{arguments:?}: {ended:?}");
        assert!(!ended.stderr.is_empty());
    }
    command(&["inspect", "x.wasm"], &[("COMPONENTD_LOG", "=,=".to_owned())]).await.expect(64);
}

/// A shell that has read them completes the commands.
#[tokio::test(flavor = "multi_thread")]
async fn completions_are_those_of_the_shell() {
    let bash = command(&["completions", "bash"], &[]).await;
    bash.expect(0);
    let ask =
        "\nCOMP_WORDS=(componentd st) COMP_CWORD=1; _componentd componentd st componentd; echo \"${COMPREPLY[@]}\"";
    let script = format!("{}{ask}", bash.stdout);
    let completed = std::process::Command::new("bash").args(["--norc", "-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&completed.stdout).trim(), "status", "{completed:?}");
    for (shell, mark) in [("zsh", "#compdef componentd"), ("fish", "complete -c componentd")] {
        let printed = command(&["completions", shell], &[]).await;
        assert!(printed.code == Some(0) && printed.stdout.contains(mark), "{printed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manual_page_has_every_command() {
    let (page, help) = (command(&["man"], &[]).await, command(&["--help"], &[]).await);
    page.expect(0);
    assert!(page.stdout.contains(".TH componentd 1"), "{page:?}");
    let listed = help.stdout.split_once("Commands:\n").unwrap().1.split("\n\n").next().unwrap();
    let commands: Vec<_> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.len() > 9, "{listed}");
    for name in commands {
        assert!(page.stdout.contains(&format!("\n.SS {name}\n")), "{name}");
    }
    assert!(page.stdout.contains("COMPONENTD_LOG") && page.stdout.contains("\\-\\-admin"), "{page:?}");
}
