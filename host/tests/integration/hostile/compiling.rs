//! Components that are made to hold up whoever reads or compiles them.

use std::fs::File;
use std::time::Duration;

use componentd::{Host, Manifest};
use dev_backends::Scratch;
use serde_json::Value;

use super::bytes::{component, doubled, nested, nested_types, with_bomb, with_instances};
use crate::support::client::{Client, Reply};
use crate::support::host::admin;
use crate::support::process::{ManifestFile, command};
use crate::support::wait::until;
use crate::swap::bytes;
use crate::swap::versions::Mark;

/// A component, and the bound that it is refused by.
fn made_of_too_much() -> Vec<(Vec<u8>, &'static str)> {
    let many = |count: usize, one: &dyn Fn(usize) -> String| component(&(0..count).map(one).collect::<String>());
    let nops = "nop ".repeat(600_000);
    vec![
        (nested(2_000), "more than 10 components within each other"),
        (nested_types(100_000), "more than 20 types within each other"),
        (doubled(60), "more than 200000 definitions in one instance"),
        (many(1_000, &|n| format!("(import \"a{n}\" (func))")), "more than 500 imports"),
        (many(1_000, &|_| "(core module)".to_owned()), "more than 100 core modules"),
        (many(1_000, &|_| "(component)".to_owned()), "more than 500 components in it"),
        (many(200_000, &|_| "(type u8)".to_owned()), "more than 100000 types"),
        (component(&format!("(core module (func {nops}))")), "more than 524288 bytes in one function"),
        (with_instances(&component(""), "(module (memory 0))", 5), "more than 4 linear memories in one instance"),
        (
            with_instances(&component(""), "(module (table 0 funcref) (table 0 funcref))", 11),
            "more than 20 tables in one instance",
        ),
        (with_instances(&component(""), "(module)", 21), "more than 20 core modules that run in one instance"),
        (
            component("(component (import \"a\" (core module $m)) (core instance (instantiate $m)))"),
            "instantiates a module or component that it imports",
        ),
    ]
}

/// Two services, of which the one is attacked and the other is not, with a compiler of its own.
struct Two {
    host: Host,
    _manifest: ManifestFile,
}

impl Two {
    async fn start(settings: &str) -> Self {
        let service = |name: &str| {
            format!(
                "[services.{name}]\ncomponent = 'slot.wasm'\nhttp = {{ listen = '127.0.0.1:0' }}\nlimits = {{ cpu = '200ms' }}\n"
            )
        };
        let manifest =
            format!("[host]\n{settings}\n[admin]\nlisten = '127.0.0.1:0'\n{}{}", service("attacked"), service("quiet"));
        let manifest = ManifestFile::new(&manifest);
        std::fs::write(manifest.folder.path().join("slot.wasm"), Mark::good(1).component()).unwrap();
        let loaded = Manifest::load(manifest.path().as_ref()).unwrap();
        let host = Host::builder().manifest(loaded).compiler(env!("CARGO_BIN_EXE_componentd")).start().await.unwrap();
        Self { host, _manifest: manifest }
    }

    async fn upload(&self, service: &str, component: Vec<u8>) -> Reply {
        upload(&self.admin(), service, component).await
    }

    fn admin(&self) -> Client {
        admin(&self.host)
    }

    async fn answer(&self, service: &str) -> String {
        Client::new(self.host.address(service).unwrap()).get("/").await.expect(200).to_owned()
    }

    async fn last_of_history(&self, service: &str) -> Value {
        let history = self.admin().get(&format!("/services/{service}/history")).await.json();
        history.as_array().unwrap().last().unwrap()["outcome"].clone()
    }
}

async fn upload(admin: &Client, service: &str, component: Vec<u8>) -> Reply {
    admin.send(admin.request(http::Method::POST, &format!("/services/{service}/versions"), component)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_of_too_much_is_refused_before_it_is_compiled() {
    let two = Two::start("").await;
    let folder = Scratch::new().unwrap();
    let file = folder.path().join("hostile.wasm");
    for (component, says) in made_of_too_much() {
        std::fs::write(&file, &component).unwrap();
        let inspected = command(&["inspect", file.to_str().unwrap()], &[]).await;
        assert!(inspected.expect(65).contains(says), "{says}: {inspected:?}");
        let refusal = two.upload("attacked", component).await.problem(422);
        let detail = refusal["detail"].as_str().unwrap();
        assert!(detail.starts_with("not compiled: ") && detail.contains(says), "{says}: {detail}");
        assert_eq!((two.answer("attacked").await, two.answer("quiet").await), ("0001".to_owned(), "0001".to_owned()));
    }
    two.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_not_read() {
    let folder = Scratch::new().unwrap();
    let zeros = folder.path().join("zeros.wasm");
    File::create(&zeros).unwrap().set_len(500_000_000).unwrap();
    let manifest = ManifestFile::new(&format!(
        "[services.zeros]\ncomponent = '{}'\nhttp = {{ listen = '127.0.0.1:0' }}",
        zeros.display()
    ));
    for arguments in [
        ["inspect", zeros.to_str().unwrap()].as_slice(),
        // It has no end.
        &["inspect", "/dev/zero"],
        &["check", "--manifest", manifest.path()],
    ] {
        let refused = command(arguments, &[]).await;
        assert!(refused.expect(65).contains("more than 134217728 bytes"), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_cut_off_is_refused() {
    let folder = Scratch::new().unwrap();
    let file = folder.path().join("half.wasm");
    let whole = bytes("hello");
    for length in [1, 7, 9, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&file, &whole[..length]).unwrap();
        let inspected = command(&["inspect", file.to_str().unwrap()], &[]).await;
        assert!(inspected.expect(65).contains("no WebAssembly component"), "{length}: {inspected:?}");
    }
}

/// A good component but for the bomb in it.
fn bombed() -> Vec<u8> {
    with_bomb(&Mark::good(2).component())
}

async fn is_ended_at(bound: &str, value: &str) {
    let two = Two::start(&format!("{bound} = '{value}'")).await;
    let refusal = two.upload("attacked", bombed()).await.problem(422);
    let detail = refusal["detail"].as_str().unwrap();
    assert!(detail.starts_with("not compiled: ") && detail.contains(&format!("host.{bound}")), "{detail}");
    assert_eq!(two.answer("attacked").await, "0001");
    two.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_the_compiler_too_long_is_ended() {
    is_ended_at("compile-time", "1s").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_the_compiler_too_much_memory_is_ended() {
    is_ended_at("compile-memory", "256MiB").await;
}

/// The processes of compilers with this bound of memory, which no other test has.
fn compilers(memory: u64) -> usize {
    let memory = memory.to_string();
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let arguments = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    arguments.filter(|all| all.split(|byte| *byte == 0).any(|argument| argument == memory.as_bytes())).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_holds_up_no_other_service_and_ends_with_who_sent_it() {
    let two = Two::start("compile-time = '10m'\ncompile-memory = '3001MiB'").await;
    let memory = 3001 << 20;
    let (admin, bomb) = (two.admin(), bombed());
    let attack = tokio::spawn(async move { upload(&admin, "attacked", bomb).await });
    until("the bomb is being compiled", async || (compilers(memory) == 1).then_some(())).await;
    two.upload("quiet", Mark::good(2).component()).await.expect(200);
    assert_eq!(two.answer("quiet").await, "0002");
    assert!(!attack.is_finished(), "the bomb is no bomb");
    attack.abort();
    until("the compiler has ended", async || (compilers(memory) == 0).then_some(())).await;
    until("the history says why", async || {
        let outcome = two.last_of_history("attacked").await;
        outcome["rejected"]["reason"].as_str().is_some_and(|reason| reason.contains("was gone")).then_some(())
    })
    .await;
    assert_eq!(two.answer("attacked").await, "0001");
    two.upload("attacked", Mark::good(3).component()).await.expect(200);
    two.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_before_it_is_called_is_bounded_as_a_call_is() {
    let two = Two::start("").await;
    for module in [
        "(module (func (loop (br 0))) (start 0))",
        "(module (table 0 funcref) (func (loop (drop (table.grow (ref.null func) (i32.const 1))) (br 0))) (start 0))",
        "(module (memory 0) (func (loop (drop (memory.grow (i32.const 1))) (br 0))) (start 0))",
    ] {
        let component = with_instances(&Mark::good(2).component(), module, 1);
        let begun = std::time::Instant::now();
        let refusal = two.upload("attacked", component).await.problem(422);
        let detail = refusal["detail"].as_str().unwrap();
        assert!(detail.starts_with("not instantiated: "), "{module}: {detail}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{module}");
        assert_eq!((two.answer("attacked").await, two.answer("quiet").await), ("0001".to_owned(), "0001".to_owned()));
    }
    two.host.stop().await;
}
