//! Listeners with TLS: their certificates, those of clients, and what becomes of both when files are renewed.

mod admin;

use http::header::HOST;
use rustix::process::Signal;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::client::Client;
use crate::support::host::{client, parse};
use crate::support::misbehave::{manifest, misbehave};
use crate::support::process::{ManifestFile, Process};
use crate::support::tls::{Authority, Files, Https, Term, der};
use crate::support::wait::until;
use crate::support::wire::Wire;

/// A client of each protocol.
const H2: &[&str] = &["h2", "http/1.1"];
const H1: &[&str] = &["http/1.1"];

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_speaks_https_in_both_protocols() {
    let authority = Authority::new();
    let files = authority.certificate("own", &["localhost"]);
    let (host, _) = misbehave(&format!(", {}", files.table("")), "").await;
    let address = host.address("guest").unwrap();
    for (offered, chosen) in [(H2, Some("h2")), (H1, Some("http/1.1")), (&[], None)] {
        let (protocol, text) = Https::new(address, &authority.ca(), offered, None).get("/hello").await.unwrap();
        assert_eq!((protocol.as_deref(), text.as_str()), (chosen, "hello"));
    }
    let (_, scheme) = Https::new(address, &authority.ca(), H2, None).get("/scheme").await.unwrap();
    assert_eq!(scheme, "Some(Scheme::Https)");
    // Without TLS there is nothing to be had.
    let mut plain = Wire::open(&client(&host, "guest")).await;
    plain.write("GET /hello HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(!plain.read_to_end().await.contains("hello"));
    // Nor by whoever trusts somebody else.
    let stranger = Https::new(address, &Authority::new().ca(), H2, None);
    let refused = stranger.get("/hello").await.unwrap_err().to_string();
    assert!(refused.contains("UnknownIssuer"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scheme_of_a_plain_listener_is_http() {
    let (_host, client) = misbehave("", "").await;
    assert_eq!(client.get("/scheme").await.expect(200), "Some(Scheme::Http)");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_show_a_certificate_where_they_must() {
    let (authority, others) = (Authority::new(), Authority::new());
    let own = authority.certificate("own", &["localhost"]);
    let client_ca = format!(", client-ca = '{}'", authority.ca().display());
    let (host, _) = misbehave(&format!(", {}", own.table(&client_ca)), "").await;
    let address = host.address("guest").unwrap();
    let known = authority.certificate("client", &["somebody"]);
    let unknown = others.certificate("client", &["somebody"]);
    for protocols in [H1, H2] {
        let get = async |shown| Https::new(address, &authority.ca(), protocols, shown).get("/hello").await;
        assert_eq!(get(Some(&known)).await.unwrap().1, "hello");
        assert!(get(None).await.is_err() && get(Some(&unknown)).await.is_err());
    }
}

/// A host of the guest as a process, and a client of it.
async fn running(files: &Files, authority: &Authority) -> (Process, ManifestFile, Https) {
    let file = ManifestFile::new(&manifest(&format!(", {}", files.table("")), ""));
    let mut process = Process::run(&file);
    let address = process.client("guest").await.address;
    (process, file, Https::new(address, &authority.ca(), H1, None))
}

#[tokio::test(flavor = "multi_thread")]
async fn renewed_files_are_taken_while_connections_go_on() {
    let authority = Authority::new();
    let files = authority.certificate("own", &["localhost"]);
    let (mut process, _manifest, https) = running(&files, &authority).await;
    let before = der(&files.certificate);
    assert_eq!(https.shown().await, before);
    let mut kept = https.connect().await.unwrap();

    // What cannot be used changes nothing.
    let others = authority.certificate("others", &["localhost"]);
    std::fs::copy(&others.certificate, &files.certificate).unwrap();
    let refused = |line: &Value| line["message"].as_str().is_some_and(|said| said.starts_with("renewed files cannot"));
    let line = process.line("it is said", refused).await;
    let reason = line["reason"].as_str().unwrap();
    assert!(reason.contains("own.key: is not the key of") && line["level"] == "WARN", "{line}");
    assert_eq!(https.shown().await, before);

    let renewed = authority.certificate("renewed", &["localhost"]);
    let after = der(&renewed.certificate);
    renewed.replace(&files);
    until("the renewed certificate is shown", async || (https.shown().await == after).then_some(())).await;
    kept.write_all(b"GET /hello HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    kept.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("hello"), "{answer}");
    process.signal(Signal::TERM);
    process.end().await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_said() {
    let authority = Authority::new();
    let files = authority.certificate_for("own", &["localhost"], &Term::Past);
    let (mut process, _manifest, _) = running(&files, &authority).await;
    let expired =
        |line: &Value| line["message"].as_str().is_some_and(|said| said.contains("the certificate has expired"));
    let line = process.line("it is said", expired).await;
    assert_eq!(line["certificate"], files.certificate.to_str().unwrap(), "{line}");
}

/// An edit of the manifest puts TLS on a port, and takes it off.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_puts_tls_on_a_port() {
    let authority = Authority::new();
    let files = authority.certificate("own", &["localhost"]);
    let (host, plain) = misbehave("", "").await;
    plain.get("/hello").await.expect(200);
    let read = |settings: &str| parse("test.toml".as_ref(), &manifest(settings, ""), &|_| None).unwrap();
    host.apply(read(&format!(", {}", files.table("")))).await.unwrap();
    assert_eq!(host.address("guest"), Some(plain.address));
    let https = Https::new(plain.address, &authority.ca(), H2, None);
    assert_eq!(https.get("/hello").await.unwrap().1, "hello");
    host.apply(read("")).await.unwrap();
    Client::new(plain.address).get_with("/hello", HOST, "localhost").await.expect(200);
}

/// What `check` and a start say of files that cannot be used.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    let (own, other) = (authority.certificate("own", &["a"]), authority.certificate("other", &["a"]));
    let absent = Files { key: authority.file("absent.key"), ..own.clone() };
    let crossed = Files { key: other.key.clone(), ..own.clone() };
    let swapped = Files { certificate: own.key.clone(), key: own.certificate.clone() };
    let nobody = authority.file("nobody.pem");
    std::fs::write(&nobody, "nobody").unwrap();
    let of_nobody = format!(", client-ca = '{}'", nobody.display());
    for (table, key, reason) in [
        (absent.table(""), "key", "absent.key: cannot be read: No such file or directory (os error 2); put it there"),
        (crossed.table(""), "key", "other.key: is not the key of "),
        (swapped.table(""), "certificate", "own.key: has no certificate: it must be in PEM"),
        (Files { key: own.certificate.clone(), ..own.clone() }.table(""), "key", "own.pem: has no private key"),
        (own.table(&of_nobody), "client-ca", "nobody.pem: has no certificate"),
    ] {
        let file = ManifestFile::new(&manifest(&format!(", {table}"), ""));
        for command in ["check", "run"] {
            let ended = Process::start(&[command, "--manifest", file.path()], &[]).end().await;
            let said = ended.expect(64);
            assert!(said.contains(&format!("services.guest.http.tls.{key}: ")) && said.contains(reason), "{said}");
        }
    }
}
