//! The commands that ask a running host: its admin port is all that they need.

use std::os::unix::fs::PermissionsExt as _;

use http::header::AUTHORIZATION;
use rustix::process::Signal;

use crate::admin::document::Document;
use crate::support::client::Client;
use crate::support::echo;
use crate::support::host::free_port;
use crate::support::process::{Ended, ManifestFile, Process, command};
use crate::swap::versions::Mark;

/// A running host of the guest `versioned`, on this admin port.
struct Running {
    host: Process,
    manifest: ManifestFile,
    admin: String,
}

impl Running {
    async fn start(more: &str) -> Self {
        let admin = format!("127.0.0.1:{}", free_port());
        let manifest = ManifestFile::new(&format!(
            r#"
            [host]
            state = "state"
            [admin]
            listen = "{admin}"
            {more}
            [backends]
            redis = {{ url = "${{SOME_REDIS}}" }}
            [services.slot]
            component = "one.wasm"
            http = {{ listen = "127.0.0.1:0" }}
            "#
        ));
        for (version, file) in [(1, "one.wasm"), (2, "two.wasm")] {
            std::fs::write(manifest.folder.path().join(file), Mark::good(version).component()).unwrap();
        }
        let mut host = Process::start(&["run", "--manifest", manifest.path()], &[redis(), token("secret")]);
        host.ready().await;
        Self { host, manifest, admin }
    }

    fn two(&self) -> String {
        self.manifest.folder.path().join("two.wasm").display().to_string()
    }

    /// What the host has made for itself.
    fn made(&self) -> String {
        let file = self.manifest.folder.path().join("state/admin-token");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::read_to_string(file).unwrap()
    }

    async fn stop(self) {
        self.host.signal(Signal::TERM);
        self.host.end().await.expect(0);
    }
}

fn redis() -> (&'static str, String) {
    ("SOME_REDIS", "redis://127.0.0.1:1".to_owned())
}

fn token(token: &str) -> (&'static str, String) {
    ("COMPONENTD_TOKEN", token.to_owned())
}

async fn ask(arguments: &[&str], more: &[&str], environment: &[(&str, String)]) -> Ended {
    command(&[arguments, more].concat(), environment).await
}

/// Every command, with these arguments and variables and no others.
async fn use_all(running: &Running, more: &[&str], environment: &[(&str, String)]) {
    let two = running.two();
    let status = ask(&["status"], more, environment).await;
    status.expect(0);
    assert!(status.stdout.starts_with("slot ") && status.stdout.contains(" ready "), "{status:?}");
    let swapped = ask(&["swap", "slot", &two], more, environment).await;
    swapped.expect(0);
    assert!(swapped.stdout.ends_with(" is live"), "{swapped:?}");
    ask(&["rollback", "slot"], more, environment).await.expect(0);
    let history = ask(&["history", "slot", "--json"], more, environment).await;
    history.expect(0);
    let entries: serde_json::Value = serde_json::from_str(&history.stdout).unwrap();
    assert_eq!(entries.as_array().unwrap().last().unwrap()["by"], "rollback", "{entries}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_address_and_the_token_are_enough() {
    let running = Running::start("").await;
    let (url, made) = (format!("http://{}", running.admin), running.made());
    use_all(&running, &["--admin", &url, "--token", &made], &[]).await;
    use_all(&running, &["--admin", &running.admin], &[token(&made)]).await;
    use_all(&running, &[], &[("COMPONENTD_ADMIN", url.clone()), token(&made)]).await;
    // The host has no Redis, which is what `ready` says; that it was asked is what matters here.
    let ready = command(&["ready", "--admin", &url], &[]).await;
    assert!(ready.expect(69).starts_with("componentd: not ready: "), "{ready:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_manifest_only_the_admin_port_is_read() {
    let running = Running::start("mailbox = '${NO_MAILBOX:-}'").await;
    let manifest = running.manifest.path();
    let checked = command(&["check", "--manifest", manifest], &[]).await;
    assert!(checked.expect(64).contains("SOME_REDIS is not set"), "{checked:?}");
    // The token that the host has made is found by the manifest.
    use_all(&running, &["--manifest", manifest], &[]).await;
    // The manifest that is named comes before the variable.
    use_all(&running, &["--manifest", manifest], &[("COMPONENTD_ADMIN", "127.0.0.1:1".to_owned())]).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for_and_given() {
    let running = Running::start("token = '${COMPONENTD_TOKEN}'").await;
    let (url, manifest) = (format!("http://{}", running.admin), running.manifest.path());
    for wrong in [&["--admin", &url][..], &["--admin", &url, "--token", "guess"]] {
        let refused = ask(&["status"], wrong, &[]).await;
        assert!(refused.expect(64).contains("set COMPONENTD_TOKEN, or give it with --token"), "{refused:?}");
    }
    use_all(&running, &["--admin", &url, "--token", "secret"], &[]).await;
    use_all(&running, &["--admin", &url], &[token("secret")]).await;
    use_all(&running, &["--manifest", manifest, "--token", "secret"], &[]).await;
    running.stop().await;
}

/// Readiness itself is for everyone, so that probes need no token.
#[tokio::test(flavor = "multi_thread")]
async fn the_reasons_of_readiness_are_for_whoever_has_the_token() {
    let mut running = Running::start("token = '${COMPONENTD_TOKEN}'").await;
    let admin = running.host.client("the admin port").await;
    let without = Client::new(admin.address);
    let left_out = "1 left out: ask with the token of the admin port, or see the log";
    let expected = serde_json::json!({ "status": "waiting", "missing": [left_out], "warnings": [] });
    for reply in [
        without.get("/readyz").await,
        admin.get_with("/readyz", AUTHORIZATION, "Bearer guess").await,
        admin.get_with("/readyz", AUTHORIZATION, "secret").await,
    ] {
        assert_eq!((reply.status, reply.json()), (503, expected.clone()));
    }
    let reply = admin.get_with("/readyz", AUTHORIZATION, "Bearer secret").await;
    let missing = reply.json()["missing"].clone();
    assert_eq!(reply.status, 503);
    let document = admin.get_with("/openapi.json", AUTHORIZATION, "Bearer secret").await.json();
    Document::new(document).check("GET /readyz", &reply);
    assert!(missing[0].as_str().is_some_and(|reason| reason.starts_with("Redis: Connection refused")), "{missing}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_admin_port_is_named_with_the_mend() {
    for (wrong, expected) in [
        (&["--admin", "ftp://localhost"][..], "--admin: \"ftp://localhost\" is no address of an admin port"),
        (&["--manifest", "/absent.toml"], "/absent.toml: cannot be read: "),
        (&["--admin", "a:1", "--manifest", "b.toml"], ""),
    ] {
        let ended = ask(&["status"], wrong, &[]).await;
        assert!(ended.expect(64).contains(expected), "{ended:?}");
    }
    let variable = command(&["status"], &[("COMPONENTD_ADMIN", "nothing at all".to_owned())]).await;
    assert!(variable.expect(64).contains("COMPONENTD_ADMIN: \"nothing at all\" is no address"), "{variable:?}");
    let secret = command(&["status", "--admin", "http://me:secret@localhost"], &[]).await;
    assert!(!secret.expect(64).contains("secret"), "{secret:?}");
    let without = ManifestFile::new("[services.a]\n");
    let ended = command(&["status", "--manifest", without.path()], &[]).await;
    assert!(ended.expect(64).contains("add the lines\n[admin]\nlisten = \"127.0.0.1:8080\""), "{ended:?}");
    let any = ManifestFile::new("[admin]\nlisten = '127.0.0.1:0'\n");
    let ended = command(&["status", "--manifest", any.path()], &[]).await;
    assert!(ended.expect(64).contains("name the one that the host has taken with --admin"), "{ended:?}");
    let nobody = command(&["status", "--admin", "127.0.0.1:1"], &[]).await;
    assert!(nobody.expect(69).contains("nobody answers at http://127.0.0.1:1: "), "{nobody:?}");
    let other = echo::start().await.to_string();
    let ended = command(&["status", "--admin", &other], &[]).await;
    let expected = format!("componentd: the answer of http://{other} cannot be read (200 OK: invalid type: map, ");
    assert!(ended.expect(69).starts_with(&expected), "{ended:?}");
}
