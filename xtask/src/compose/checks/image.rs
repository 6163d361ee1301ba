//! The images of the project.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Result, ensure};

use super::expect;
use crate::compose::clone::Clone;
use crate::compose::curl::get;
use crate::compose::store::Store;

const LARGEST: u64 = 60_000_000;
const USER: &str = "10001";
/// One service, on one of the components in the image.
const MANIFEST: &str = r#"
[admin]
listen = "127.0.0.1:8080"

[backends]
postgres = { url = "postgres://componentd:componentd@postgres:5432" }

[services.store]
component = "components/store.wasm"
http = { listen = "0.0.0.0:8090" }
config = { orders-url = "http://orders.example", orders-timeout-ms = "1000" }
grants.http = [{ origin = "http://orders.example" }]
grants.postgres.store = { database = "storedb", migrations = "components/store/migrations" }
"#;

/// By what runs, seen from another container that shares its processes.
pub fn small_and_closed(store: &Store, _: &Clone) -> Result<()> {
    for service in ["componentd", "mailbox"] {
        let image = store.inspect(service, "{{.Image}}")?;
        let size: u64 = store.engine.ask(["image", "inspect", "--format", "{{.Size}}", &image])?.parse()?;
        ensure!(size < LARGEST, "the image of {service} has {size} bytes");
        let container = store.container(service)?;
        for shell in ["sh", "/bin/sh", "bash"] {
            let shell = store.engine.ask(["exec", &container, shell, "-c", "true"]);
            ensure!(shell.is_err(), "there is a shell in the image of {service}");
        }
        let beside = beside(store, &container)?;
        expect(&format!("Uid: {USER} {USER} {USER} {USER}"), &beside)?;
        expect("CapEff: 0000000000000000", &beside)?;
        expect("NoNewPrivs: 1", &beside)?;
        expect("Read-only file system", &beside)?;
    }
    Ok(())
}

/// What the first process of a container is, and whether its root can be written to.
fn beside(store: &Store, container: &str) -> Result<String> {
    let look = "tr -s '\\t' ' ' < /proc/1/status; touch /proc/1/root/x 2>&1 || true";
    let (image, pid) = (store.inspect("postgres", "{{.Image}}")?, format!("container:{container}"));
    let run = [
        "run",
        "--rm",
        "--cap-add",
        "SYS_PTRACE",
        "--user",
        "root",
        "--pid",
        &pid,
        "--entrypoint",
        "sh",
        &image,
        "-c",
        look,
    ];
    store.engine.ask(run)
}

/// On the network of the store, for its Postgres.
pub fn alone(store: &Store, _: &Clone) -> Result<()> {
    store.clone.write("alone.toml", MANIFEST)?;
    let manifest = store.clone.path().join("alone.toml");
    // The container's user reads it.
    fs::set_permissions(&manifest, fs::Permissions::from_mode(0o644))?;
    let mount = format!("{}:/app/componentd.toml:ro", manifest.display());
    let network = store.inspect("postgres", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}")?;
    let image = store.inspect("componentd", "{{.Image}}")?;
    store.engine.ask(["run", "--rm", "--volume", &mount, &image, "check"])?;
    let container = store.engine.ask(["run", "--detach", "--network", &network, "--volume", &mount, &image])?;
    let result = answers_and_stops(store, &container);
    if result.is_err() {
        let _ = store.engine.docker(["logs", &container]).status();
    }
    store.engine.ask(["rm", "--force", "--volumes", &container])?;
    result
}

fn answers_and_stops(store: &Store, container: &str) -> Result<()> {
    let inspect = |format| store.engine.ask(["inspect", "--format", format, container]);
    let address = inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")?;
    store.until_has("Apple", || get(&format!("http://{address}:8090/products")))?;
    store.until("it is healthy", || Ok(inspect("{{.State.Health.Status}}")? == "healthy"))?;
    store.engine.ask(["stop", container])?;
    let code = inspect("{{.State.ExitCode}}")?;
    ensure!(code == "0", "it ends with {code}");
    Ok(())
}
