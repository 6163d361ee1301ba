//! The schema for editors and the page of reference: what they say is what the host does.

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

use crate::support::files::root;
use crate::support::host::parse;
use crate::support::process::command;

/// The schema that the command prints.
struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    async fn printed() -> Self {
        let printed = command(&["schema"], &[]).await;
        printed.expect(0);
        let document: Value = serde_json::from_str(&printed.stdout).unwrap();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("manifest.json", document).unwrap();
        let index = compiler.compile("manifest.json", &mut schemas).unwrap();
        Self { schemas, index }
    }

    fn check(&self, manifest: &str) -> Result<(), String> {
        let value: Value = toml::from_str(manifest).unwrap();
        self.schemas.validate(&value, self.index).map_err(|error| error.to_string())
    }
}

fn host(manifest: &str) -> Result<(), String> {
    let variable = |name: &str| (!name.starts_with("UNSET")).then(|| "redis://127.0.0.1:1".to_owned());
    parse(&root().join("test.toml"), manifest, &variable).map(drop).map_err(|error| error.to_string())
}

/// A service, with these lines besides what every one has.
fn service(lines: &str) -> String {
    format!("[services.a]\ncomponent = 'a.wasm'\nhttp = {{ listen = '127.0.0.1:1' }}\n{lines}\n")
}

const REDIS: &str = "[backends]\nredis = { url = 'redis://h' }\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_takes_what_the_host_takes() {
    let schema = Schema::printed().await;
    let store = std::fs::read_to_string(root().join("componentd.toml")).unwrap();
    schema.check(&store).unwrap();
    for lines in [
        "limits = { memory = '64MiB', cpu = '1h 30min', transfer = '512 KB', concurrency = 1 }",
        "limits = { cpu = '${UNSET:-200ms}', memory = '${UNSET:-1}MiB' }",
        "isolation = '${UNSET:-request}'",
        "isolation = 'reuse'",
        "swap = { probe = '/healthz', canary = '10% for 60s', failure-rate = 0, affinity = 'header:x-user' }",
        "swap.probe = { path = '/', status = 204, body-contains = 'ok' }",
        "config = { any = '' }",
        "grants.http = [{ origin = 'https://a', private = 'true', headers = { authorization = 'x' } }, { origin = 'http://b:1/' }]",
        "http.cors = { origins = '*', methods = ['GET'] }",
        "http.cors = { origins = ['https://a'], credentials = true, max-age = '1m' }",
    ] {
        let manifest = if lines.starts_with("http.") {
            service("").replace("http = { listen = '127.0.0.1:1' }", &format!("http.listen = '[::1]:1'\n{lines}"))
        } else {
            service(lines)
        };
        host(&manifest).unwrap_or_else(|error| panic!("{manifest}\n{error}"));
        schema.check(&manifest).unwrap_or_else(|error| panic!("{manifest}\n{error}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_refuses_what_the_host_refuses() {
    let schema = Schema::printed().await;
    let wrong = [
        service("limits = { timeout = 10 }"),
        service("limits = { timeout = '10' }"),
        service("limits = { memory = 'much' }"),
        service("limits = { concurrency = 0 }"),
        service("limits = { concurrency = '1' }"),
        service("limit = {}"),
        service("isolation = 'none'"),
        service("kafka = { topic = 't', group = 'g', dead-letter = 'd' }"),
        service("swap = { failure-rate = 2 }"),
        service("swap.probe = { status = 200 }"),
        service("swap.probe = 'healthz'"),
        service("swap.canary = '10%'"),
        service("swap.affinity = 'x-user'"),
        service("grants.http = [{ origin = 'https://a/path' }]"),
        service("grants.http = [{ origin = 'https://a', private = 'maybe' }]"),
        service("[host]\ninstances = 20000"),
        service("[admin]\ntoken = 'x'"),
        service("[admin]\nlisten = 'localhost:80'"),
        service(REDIS) + "kafka = { brokers = '' }",
        service(&REDIS.replace("redis://", "http://")),
        service("").replace("services.a", "services.A"),
        service("").replace("'127.0.0.1:1'", "'127.0.0.1'"),
        service("").replace("component =", "file ="),
        "services = {}".to_owned(),
        "[services.a]\ncomponent = 'a.wasm'".to_owned(),
        "[services.a]\ncomponent = 'a.wasm'\nkafka = { topic = 't', group = 'g', dead-letter = 'd', attempts = 0 }"
            .to_owned(),
    ];
    for manifest in wrong {
        assert!(host(&manifest).is_err(), "the host takes\n{manifest}");
        assert!(schema.check(&manifest).is_err(), "the schema takes\n{manifest}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_reference_is_made_of_the_types() {
    let printed = command(&["schema", "--reference"], &[]).await;
    printed.expect(0);
    let page = std::fs::read_to_string(root().join("docs/src/manifest.md")).unwrap();
    assert!(page.trim_end() == printed.stdout, "docs/src/manifest.md is out of date: run `cargo xtask reference`");
    // Every key has words of its own.
    let silent: Vec<_> = page.lines().filter(|line| line.starts_with("| `") && line.ends_with("| |")).collect();
    assert!(silent.is_empty(), "without a comment: {silent:?}");
}
