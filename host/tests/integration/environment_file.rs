//! `.componentd/env` beside a manifest: the variables of those who have not set them.

use crate::support::files::guest;
use crate::support::process::{Ended, ManifestFile, command};

/// A manifest that needs a variable, and the file beside it.
fn manifest(file: &str) -> ManifestFile {
    let component = guest("hello");
    let manifest = ManifestFile::new(&format!(
        "[services.hello]\ncomponent = '{component}'\nhttp = {{ listen = '${{HELLO_LISTEN}}' }}\n"
    ));
    let folder = manifest.folder.path().join(".componentd");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("env"), file).unwrap();
    manifest
}

async fn check(manifest: &ManifestFile, environment: &[(&str, &str)]) -> Ended {
    let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    command(&["check", "--manifest", manifest.path()], &environment).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_gives_what_the_environment_does_not() {
    let manifest = manifest("# Written by hand.\nHELLO_LISTEN=127.0.0.1:8099\nHELLO_SECRET=hush\n");
    let checked = check(&manifest, &[("COMPONENTD_LOG", "debug")]).await;
    checked.expect(0);
    let names = ".componentd/env has variables for the manifest: HELLO_LISTEN, HELLO_SECRET";
    assert!(checked.stderr.contains(names) && !checked.stderr.contains("hush"), "{checked:?}");
    let quiet = check(&manifest, &[]).await;
    // What a check compiles, it says.
    let is_of_compiler = |line: &&str| ["\"compiling\"", "\"compiled\""].iter().any(|said| line.contains(said));
    let (compiling, other): (Vec<_>, Vec<_>) = quiet.stderr.lines().partition(is_of_compiler);
    assert_eq!((quiet.code, compiling.len(), other), (Some(0), 2, Vec::new()));
    let overruled = check(&manifest, &[("HELLO_LISTEN", "nowhere")]).await;
    assert!(overruled.expect(64).contains("\"nowhere\" is no address"), "{overruled:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_writer_has_ended_is_not_used() {
    let of = |owner: u32| manifest(&format!("COMPONENTD_ENV_OWNER={owner}\nHELLO_LISTEN=127.0.0.1:8099\n"));
    check(&of(std::process::id()), &[]).await.expect(0);
    let mut ended = std::process::Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    let stale = check(&of(ended.id()), &[]).await;
    assert!(stale.expect(64).contains("the environment variable HELLO_LISTEN is not set"), "{stale:?}");
    assert!(stale.stderr.contains("what wrote it has ended, and its servers with it; remove the file"), "{stale:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_read_is_named_with_the_mend() {
    let manifest = manifest("HELLO_LISTEN=127.0.0.1:8099\nsecret\n");
    let wrong = check(&manifest, &[]).await;
    let said = wrong.expect(64);
    assert!(said.ends_with("/.componentd/env:2: is no variable: write NAME=value, or # and a comment"), "{said}");
    let path = manifest.folder.path().join(".componentd/env");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let folder = check(&manifest, &[]).await;
    let said = folder.expect(64);
    assert!(said.contains("env: cannot be read: ") && said.contains("make it readable for this user"), "{said}");
    std::fs::remove_dir(&path).unwrap();
    assert!(check(&manifest, &[]).await.expect(64).contains("HELLO_LISTEN is not set"));
}
