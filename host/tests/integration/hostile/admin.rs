//! The admin port and the state folder, as somebody who runs nothing on this machine, or is another user of it, comes at them.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use componentd::Host;

use crate::support::client::Client;
use crate::support::files::guest;
use crate::support::host::admin;
use crate::support::process::{ManifestFile, Process};
use crate::support::wire::Wire;
use crate::swap::versions::Mark;
use crate::swap::{Slot, component, manifest};

/// A host whose manifest has no token.
async fn slot() -> Slot {
    Slot::of(Mark::good(1), &without_token()).await
}

fn token(host: &Host) -> String {
    String::from(&**host.admin_token().unwrap())
}

fn without_token() -> String {
    manifest("").replace("token = 'for-tests'", "")
}

/// Sends this as it stands, with a short body, and gives the head of the answer.
async fn send(address: SocketAddr, head: &str) -> String {
    let mut wire = Wire::open(&Client::new(address)).await;
    wire.write(&format!("{head}content-length: 4\r\nconnection: close\r\n\r\n\0asm")).await;
    wire.read_until("\r\n\r\n").await
}

/// A page of another origin may send this without asking first, as a form does.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_cannot_swap_a_service() {
    let slot = slot().await;
    let made = token(&slot.host);
    let address = slot.host.admin_address().unwrap();
    let post = format!("POST /services/slot/versions HTTP/1.1\r\nhost: {address}\r\n");
    let authorization = format!("authorization: Bearer {made}\r\n");
    for (headers, status) in [
        ("content-type: text/plain\r\norigin: https://page.example\r\n", 403),
        ("content-type: application/wasm\r\norigin: https://page.example\r\n", 403),
        ("content-type: application/wasm\r\norigin: null\r\n", 403),
        ("content-type: text/plain\r\n", 415),
        ("content-type: multipart/form-data; boundary=x\r\n", 415),
        ("", 415),
        ("content-type: application/wasm\r\n", 401),
        ("content-type: application/wasm\r\nauthorization: Bearer \r\n", 401),
        ("content-type: application/wasm\r\nauthorization: Basic YTph\r\n", 401),
    ] {
        let answer = send(address, &format!("{post}{headers}")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{headers}: {answer}");
        // Neither does the token help a page that has it, but where nothing else was wrong.
        if status != 401 {
            let answer = send(address, &format!("{post}{headers}{authorization}")).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{headers}: {answer}");
        }
    }
    // Nor may it ask whether it might.
    let preflight = format!(
        "OPTIONS /services/slot/versions HTTP/1.1\r\nhost: {address}\r\norigin: https://page.example\r\n\
         access-control-request-method: POST\r\naccess-control-request-headers: content-type\r\n"
    );
    let answer = send(address, &preflight).await;
    assert!(answer.starts_with("HTTP/1.1 403 ") && !answer.contains("access-control-allow"), "{answer}");
    // The whole of it, as a form would send it. The connection may be closed before all of it is read.
    let page = Client::new(address);
    let mut form = page.request(http::Method::POST, "/services/slot/versions", Mark::good(2).component());
    form.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    form.headers_mut().insert("origin", "https://page.example".parse().unwrap());
    if let Ok(reply) = page.try_send(form).await {
        reply.problem(403);
    }
    assert_eq!(slot.answer().await, "0001");
    slot.upload(Mark::good(2).component()).await.expect(200);
    assert_eq!(slot.answer().await, "0002");
    slot.host.stop().await;
}

/// The page's own name is made to point at this address, so that it is of the same origin as what it asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebound_name_is_not_answered() {
    let slot = slot().await;
    let (address, made) = (slot.host.admin_address().unwrap(), token(&slot.host));
    let authorization = format!("authorization: Bearer {made}\r\n");
    for path in ["/healthz", "/readyz", "/metrics", "/services", "/nothing"] {
        for host in
            ["page.example", "page.example:8080", "127.0.0.1.page.example", "localhost.page.example", "2130706433"]
        {
            let origin = format!("origin: http://{host}\r\n");
            let answer =
                send(address, &format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{origin}{authorization}")).await;
            assert!(answer.starts_with("HTTP/1.1 421 "), "{path} of {host}: {answer}");
        }
    }
    // By HTTP/2 it is `:authority`, and in the absolute form the target.
    let h2 = Client::h2c(address);
    let mut request = h2.request(http::Method::GET, "/healthz", "");
    request.headers_mut().insert("host", "page.example".parse().unwrap());
    assert!(h2.try_send(request).await.is_ok_and(|reply| reply.status == 400));
    let absolute = format!("GET http://page.example/healthz HTTP/1.1\r\nhost: {address}\r\n");
    let answer = send(address, &absolute).await;
    assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
    for host in [address.to_string(), "localhost".to_owned(), "[::1]:1".to_owned()] {
        let answer = Client::new(address).get_with("/healthz", http::header::HOST, &host).await;
        answer.expect(200);
    }
    slot.host.stop().await;
}

/// A name is answered once the manifest says it.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_the_manifest_is_answered() {
    let named = without_token().replace("[admin]", "[admin]\n        hosts = ['admin.example']");
    let slot = Slot::of(Mark::good(1), &named).await;
    let client = Client::new(slot.host.admin_address().unwrap());
    client.get_with("/healthz", http::header::HOST, "admin.example:80").await.expect(200);
    client.get_with("/healthz", http::header::HOST, "other.example:80").await.problem(421);
    slot.host.stop().await;
}

/// What nobody has said is made: it is nobody's to guess, is the same after a restart, and only its user can read it.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_in_the_manifest_the_host_makes_one() {
    let slot = slot().await;
    let made = token(&slot.host);
    assert_eq!(made.len(), 64);
    let file = slot.manifest.folder.path().join("state/admin-token");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&file).unwrap(), made);
    let without = Client::new(slot.host.admin_address().unwrap());
    for path in ["/metrics", "/services", "/services/slot/logs", "/services/slot/history", "/mailbox", "/openapi.json"]
    {
        without.get(path).await.problem(401);
        for wrong in [&made[1..], &format!("{made}0"), &made.to_uppercase().replace('A', "B"), "", "for-tests"] {
            let wrong = format!("Bearer {wrong}");
            without.get_with(path, http::header::AUTHORIZATION, &wrong).await.problem(401);
        }
    }
    without.get("/healthz").await.expect(200);
    assert_eq!(admin(&slot.host).get("/services").await.status, 200);
    let slot = slot.restart().await;
    assert_eq!(token(&slot.host), made);
    // One that others could have read by now is replaced.
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let slot = slot.restart().await;
    assert_ne!(token(&slot.host), made);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    slot.host.stop().await;
}

/// Without a state folder there is one all the same, which nobody has.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_state_folder_only_probes_are_answered() {
    let component = guest("hello");
    let start = async || -> Host {
        crate::support::host::start(&format!(
            "[admin]\nlisten = '127.0.0.1:0'\n[services.guest]\ncomponent = '{component}'\ntrigger = 'none'\n"
        ))
        .await
    };
    let (one, other) = (start().await, start().await);
    assert_ne!(token(&one), token(&other));
    let client = Client::new(one.admin_address().unwrap());
    client.get("/readyz").await.expect(200);
    client.get("/metrics").await.problem(401);
    one.stop().await;
    other.stop().await;
}

/// Native code is loaded from there, so whoever can write there would run as the host.
#[tokio::test(flavor = "multi_thread")]
async fn folders_that_others_could_have_written_are_refused() {
    let file = ManifestFile::new(&manifest(""));
    fs::write(component(&file), Mark::good(1).component()).unwrap();
    let state = file.folder.path().join("state");
    let mut host = Process::run(&file);
    host.ready().await;
    host.signal(rustix::process::Signal::TERM);
    host.end().await.expect(0);
    for folder in [state.clone(), state.join("compiled"), state.join("services"), state.join("scratch")] {
        for mode in [0o720, 0o702, 0o777] {
            let before = fs::metadata(&folder).unwrap().permissions();
            fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
            refused(&file, &folder, "can be written by others").await;
            fs::set_permissions(&folder, before).unwrap();
        }
        // Only root can give folders away.
        if rustix::process::geteuid().is_root() {
            chown(&folder, Some(4711), None).unwrap();
            refused(&file, &folder, "belongs to user 4711, and this is user 0").await;
            chown(&folder, Some(0), None).unwrap();
        }
    }
    let mut host = Process::run(&file);
    host.ready().await;
    host.signal(rustix::process::Signal::TERM);
    host.end().await.expect(0);
}

async fn refused(manifest: &ManifestFile, folder: &Path, why: &str) {
    let ended = Process::run(manifest).end().await;
    let said = ended.expect(71);
    assert!(said.contains(&format!("{} {why}", folder.display())), "{said}");
}

/// An entry that another user has put into the folder of compiled code, while that was open, is not loaded.
#[tokio::test(flavor = "multi_thread")]
async fn compiled_code_of_another_user_is_compiled_again() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let slot = slot().await;
    let compiled = slot.manifest.folder.path().join("state/compiled");
    let entries: Vec<_> = fs::read_dir(&compiled).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    chown(entry, Some(4711), None).unwrap();
    let slot = slot.restart().await;
    assert_eq!(slot.answer().await, "0001");
    // It was compiled, and kept in the place of what was there.
    assert_eq!(fs::metadata(entry).unwrap().uid(), 0);
    slot.host.stop().await;
}
