//! Files that are no component for this host, and what `check`, `run` and `inspect` say of them.

use super::{expect, tidy};
use crate::support::files::guest;
use crate::support::process::{ManifestFile, Process, command};

const HTTP: &str = "http = { listen = '127.0.0.1:0' }";

/// A manifest with one service, whose component is the file `shop.wasm` beside it.
fn manifest(more: &str, component: &[u8]) -> ManifestFile {
    let manifest = ManifestFile::new(&format!(
        "[backends]\nredis = {{ url = 'redis://127.0.0.1:1' }}\n\n[services.shop]\ncomponent = 'shop.wasm'\n{more}\n"
    ));
    std::fs::write(manifest.folder.path().join("shop.wasm"), component).unwrap();
    manifest
}

/// What `check` and `run` both say, and `inspect` where it refuses the file as well.
async fn refused(name: &str, manifest: &ManifestFile, code: i32) {
    let checked = command(&["check", "--manifest", manifest.path()], &[]).await;
    let said = checked.expect(code).to_owned();
    assert_eq!(Process::run(manifest).end().await.expect(code), said);
    expect(&format!("component/{name}"), &tidy(&said, manifest));
}

async fn refused_bytes(name: &str, component: &[u8]) {
    refused(name, &manifest(HTTP, component), 65).await;
}

fn text(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap()
}

/// Imports of which the host has none, some and others: another package, another version, a function that is not there.
fn stranger() -> Vec<u8> {
    text(
        r#"(component
            (import "acme:ledger/book@1.0.0" (instance (export "write" (func))))
            (import "wasi:keyvalue/store@0.2.0-draft" (instance (export "open" (func))))
            (import "wasi:clocks/wall-clock@1.0.0" (instance (export "now" (func (result u64)))))
            (import "wasi:clocks/wal-clock@0.2.0" (instance (export "now" (func (result u64)))))
            (import "wasi:random/random@0.2.3" (instance
                (export "get-random-u64" (func (result u64)))
                (export "get-dice" (func (result u64)))))
            (import "wasi:random/insecure@0.2.0" (instance (export "get-insecure-random-u64" (func (result string)))))
            (import "componentd:postgres/client@0.2.0" (instance (export "open" (func))))
            (import "log" (func (param "text" string)))
        )"#,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_component() {
    refused_bytes("core-module", &text("(module (func (export \"main\")))")).await;
    refused_bytes("empty-file", b"").await;
    refused_bytes("text-file", b"hello").await;
    let whole = text("(component (core module (func (export \"main\"))))");
    refused_bytes("half-a-component", &whole[..whole.len() - 4]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_of_wasi_0_3() {
    let newer = r#"(component
        (import "wasi:http/types@0.3.0" (instance (export "wait" (func async (result (future))))))
    )"#;
    refused_bytes("wasi-0-3", &text(newer)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_imports_that_the_host_lacks_are_listed() {
    let exporting = "(component (instance $empty) (export \"wasi:http/incoming-handler@0.2.0\" (instance $empty)))";
    refused_bytes("export-of-another-form", &text(exporting)).await;
    let manifest = manifest(HTTP, &stranger());
    let file = manifest.folder.path().join("shop.wasm");
    let inspected = command(&["inspect", file.to_str().unwrap()], &[]).await;
    inspected.expect(0);
    expect("component/inspect-of-imports-that-the-host-lacks", &tidy(&inspected.stdout, &manifest));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_with_imports_that_the_host_lacks() {
    let mut wat =
        String::from("(component (instance $empty) (export \"wasi:http/incoming-handler@0.2.0\" (instance $empty))");
    wat += r#"(import "acme:ledger/book@1.0.0" (instance (export "write" (func))))"#;
    wat += r#"(import "wasi:clocks/wall-clock@1.0.0" (instance (export "now" (func (result u64))))))"#;
    refused_bytes("imports-that-the-host-lacks", &text(&wat)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn components_for_another_trigger() {
    refused_bytes(
        "export-of-a-program",
        &text("(component (instance $i) (export \"wasi:cli/run@0.2.0\" (instance $i)))"),
    )
    .await;
    refused_bytes("export-of-nothing", &text("(component)")).await;
    let consumer = std::fs::read(guest("kafka-echo")).unwrap();
    refused("export-for-a-consumer", &manifest(&format!("{HTTP}\ngrants.redis = {{}}"), &consumer), 65).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_that_are_not_granted() {
    let consumer = std::fs::read(guest("probe")).unwrap();
    refused_bytes("imports-not-granted", &consumer).await;
}

/// Which the code shows that no compiler takes: a function that gives nothing where it says a number.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_granted_is_said_before_anything_is_compiled() {
    let http = "(instance $empty) (export \"wasi:http/incoming-handler@0.2.0\" (instance $empty))";
    let invalid = "(core module (func (result i32)))";
    let import = "(import \"componentd:redis/client@0.1.0\" (instance))";
    let check = async |component: String| {
        let manifest = manifest(HTTP, &text(&component));
        command(&["check", "--manifest", manifest.path()], &[]).await.expect(65).to_owned()
    };
    let said = check(format!("(component {import} {http} {invalid})")).await;
    assert!(said.contains("add to [services.shop]: grants.redis"), "{said}");
    let said = check(format!("(component {invalid} {import})")).await;
    assert!(said.contains("does not export wasi:http/incoming-handler"), "{said}");
    let said = check(format!("(component {http} {invalid})")).await;
    assert!(said.contains("is no WebAssembly component"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_there_or_is_a_folder() {
    let absent = manifest(HTTP, b"");
    std::fs::remove_file(absent.folder.path().join("shop.wasm")).unwrap();
    refused("absent", &absent, 66).await;
    std::fs::create_dir(absent.folder.path().join("shop.wasm")).unwrap();
    refused("a-folder", &absent, 66).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let hello = std::fs::read(guest("hello")).unwrap();
    let manifest = manifest(&HTTP.replace("127.0.0.1:0", &address.to_string()), &hello);
    let said = Process::run(&manifest).end().await.expect(71).replace(&address.port().to_string(), "PORT");
    expect("component/port-taken", &tidy(&said, &manifest));
}
