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
    assert_eq!(names[..5], ["notifications", "orders", "shop", "store", "users"]);
    assert!(services[..5].iter().all(|line| line.contains(".wasm sha256:")), "{services:?}");
    let matrix: Vec<Vec<&str>> = services[5..].iter().map(|line| line.split_whitespace().collect()).collect();
    for right in [
        ["notifications", "redis", "read", "user:*"],
        ["orders", "kafka", "produce", "orders"],
        ["users", "redis", "write", "user:*"],
    ] {
        assert!(matrix.contains(&right.to_vec()), "{right:?}: {services:?}");
    }
    assert!(!checked.stdout.contains("SG.x"), "{checked:?}");
    assert_eq!(*services.last().unwrap(), format!("{}: all is well", path.display()));
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

async fn explain(manifest: &ManifestFile, service: &str, action: &str) -> Ended {
    command(&["explain", service, action, "--manifest", manifest.path()], &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn why_something_is_allowed_or_denied() {
    let manifest = ManifestFile::new(
        "[backends]\nredis.url = 'redis://me:in-the-url@127.0.0.1:1'\nkafka.brokers = '127.0.0.1:1'\n\
         postgres.url = 'postgres://me:in-the-url@127.0.0.1:1'\n\
         [services.a]\ncomponent = 'a.wasm'\ntrigger = 'none'\n\
         grants.redis = { read = ['user:*'], write = ['email:*:hash'] }\ngrants.kafka = { produce = ['orders'] }\n\
         grants.postgres.main = { database = 'maindb' }\n\
         [[services.a.grants.http]]\norigin = 'https://api.example.com'\nheaders = { x-key = 'in-a-header' }\n\
         [[services.a.grants.http]]\norigin = 'http://10.0.0.1'\n\
         [[services.a.grants.http]]\norigin = 'http://b.internal'\n\
         [services.b]\ncomponent = 'b.wasm'\nhttp.listen = '127.0.0.1:0'\n",
    );
    for (action, why) in [
        ("redis get user:1", "allowed: \"user:*\" in `grants.redis.read` covers \"user:1\""),
        ("redis set email:1:hash", "allowed: \"email:*:hash\" in `grants.redis.write` covers \"email:1:hash\""),
        ("kafka produce orders", "allowed: `grants.kafka.produce` names the topic \"orders\""),
        ("postgres open main", "allowed: `grants.postgres.main` is the database \"maindb\""),
        (
            "GET https://api.example.com/x?y",
            "allowed: `grants.http.0.origin` is https://api.example.com, with the host's own x-key",
        ),
        ("http POST https://API.example.com:443/", "allowed: `grants.http.0.origin` is https://api.example.com"),
        ("GET http://b.internal/x", "allowed: `grants.http.2.origin` is http://b.internal; `b` answers it"),
    ] {
        let ended = explain(&manifest, "a", action).await;
        ended.expect(0);
        assert!(ended.stdout.starts_with(why), "{action}: {ended:?}");
        assert!(!format!("{ended:?}").contains("in-"), "{action}: {ended:?}");
    }
    for (service, action, why) in [
        ("a", "redis set user:1", "no pattern in `grants.redis.write` covers \"user:1\""),
        ("a", "redis get email:1", "no pattern in `grants.redis.read` covers \"email:1\""),
        ("a", "kafka produce users", "`grants.kafka.produce` does not name the topic \"users\""),
        ("a", "postgres open other", "there is no grant `grants.postgres.other`"),
        ("a", "GET http://api.example.com/", "no `grants.http` has the origin http://api.example.com"),
        (
            "a",
            "GET https://api.example.com.evil.example/",
            "no `grants.http` has the origin https://api.example.com.evil",
        ),
        ("a", "GET http://10.0.0.1/", "http://10.0.0.1 is a private address: `grants.http.1.private` is not true"),
        ("b", "redis get user:1", "`b` has no `grants.redis`; a line such as `grants.redis = { read"),
        ("b", "GET https://api.example.com/", "`b` has no `grants.http`"),
    ] {
        let ended = explain(&manifest, service, action).await;
        assert!(ended.expect(77).starts_with(&format!("componentd: denied: {why}")), "{action}: {ended:?}");
    }
    for (service, action, why) in [
        ("c", "redis get user:1", "there is no service \"c\""),
        ("a", "redis frobnicate user:1", "\"redis frobnicate user:1\" is no action: write it as one of "),
        ("a", "mongo get x", "is no action: write it as one of "),
        ("a", "GET ftp://x/", "is no action"),
        ("a", "", "is no action"),
    ] {
        let ended = explain(&manifest, service, action).await;
        assert!(ended.expect(64).contains(why), "{action}: {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_may_call_each_other_in_a_circle_are_said() {
    let service = |name: &str, callee: &str| {
        let component = guest("hello");
        format!(
            "[services.{name}]\ncomponent = '{component}'\nhttp.listen = '127.0.0.1:0'\n\
             grants.http = [{{ origin = 'http://{callee}.internal' }}]\n"
        )
    };
    let checked = async |text: String| {
        let manifest = ManifestFile::new(&text);
        let checked = command(&["check", "--manifest", manifest.path()], &[]).await;
        checked.expect(0);
        checked.stdout
    };
    let round = checked([service("a", "b"), service("b", "c"), service("c", "a")].concat()).await;
    assert!(round.contains("in a circle, which only `limits.hops` ends: a → b → c → a\n"), "{round}");
    let to_itself = checked([service("a", "a"), service("b", "a")].concat()).await;
    assert!(to_itself.contains(": a → a\n") && to_itself.matches('→').count() == 1, "{to_itself}");
    let last = format!("[services.c]\ncomponent = '{}'\nhttp.listen = '127.0.0.1:0'\n", guest("hello"));
    let line = checked([service("a", "b"), service("b", "c"), last].concat()).await;
    assert!(!line.contains('→'), "{line}");
}
