//! The admin port with TLS, and the commands that ask it.

use crate::support::host::free_port;
use crate::support::misbehave::manifest;
use crate::support::process::{Ended, ManifestFile, Process, command};
use crate::support::tls::Authority;

async fn status(arguments: &[&str], environment: &[(&str, String)]) -> Ended {
    command(&[&["status"], arguments].concat(), environment).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_ask_it_by_what_they_know() {
    let authority = Authority::new();
    let own = authority.certificate("own", &["localhost"]);
    let listen = format!("127.0.0.1:{}", free_port());
    let admin = format!("[admin]\nlisten = '{listen}'\ntoken = 'secret'\n{}\n", own.table(""));
    let file = ManifestFile::new(&format!("{admin}{}", manifest("", "")));
    let mut host = Process::run(&file);
    host.ready().await;
    let url = format!("https://localhost:{}", listen.rsplit_once(':').unwrap().1);
    let ca = authority.ca().display().to_string();
    let token = ("COMPONENTD_TOKEN", "secret".to_owned());

    // The manifest names the certificate, whatever names are in it.
    let by_manifest = status(&["--manifest", file.path()], &[]).await;
    by_manifest.expect(0);
    assert!(by_manifest.stdout.starts_with("guest "), "{by_manifest:?}");
    status(&["--admin", &url, "--ca", &ca], std::slice::from_ref(&token)).await.expect(0);
    status(&[], &[token.clone(), ("COMPONENTD_ADMIN", url.clone()), ("COMPONENTD_CA", ca.clone())]).await.expect(0);

    let stranger = status(&["--admin", &url], std::slice::from_ref(&token)).await;
    let said = stranger.expect(69);
    assert!(said.contains("is not trusted: ") && said.contains("UnknownIssuer") && said.contains("--ca"), "{said}");
    let by_address = format!("https://{listen}");
    let other_name = status(&["--admin", &by_address, "--ca", &ca], std::slice::from_ref(&token)).await;
    assert!(other_name.expect(69).contains("a name that the certificate has"), "{other_name:?}");
    let absent = status(&["--admin", &url, "--ca", "/absent.pem"], &[]).await;
    assert!(absent.expect(64).contains("/absent.pem: cannot be read: "), "{absent:?}");
    // Whoever has another certificate is not the host of that manifest.
    let other = authority.certificate("other", &["localhost"]);
    let of_another = ManifestFile::new(&admin.replace(&own.table(""), &other.table("")));
    let refused = status(&["--manifest", of_another.path()], &[]).await;
    assert!(refused.expect(69).contains("is not trusted: "), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_may_ask_for_certificates() {
    let authority = Authority::new();
    let (own, known) = (authority.certificate("own", &["localhost"]), authority.certificate("known", &["somebody"]));
    let listen = format!("127.0.0.1:{}", free_port());
    let client_ca = format!(", client-ca = '{}'", authority.ca().display());
    let admin = format!("[admin]\nlisten = '{listen}'\ntoken = 'secret'\n{}\n", own.table(&client_ca));
    let file = ManifestFile::new(&format!("{admin}{}", manifest("", "")));
    let mut host = Process::run(&file);
    host.ready().await;
    let (certificate, key) = (known.certificate.to_str().unwrap(), known.key.to_str().unwrap());
    let manifest = ["--manifest", file.path()];
    status(&[&manifest[..], &["--certificate", certificate, "--key", key]].concat(), &[]).await.expect(0);
    let without = status(&manifest, &[]).await;
    without.expect(69);
    let half = status(&[&manifest[..], &["--certificate", certificate]].concat(), &[]).await;
    assert!(half.expect(64).contains("a certificate needs its key"), "{half:?}");
}
