//! Components that take memory of the host, or what it has a limited number of.

use componentd::toml::{Table, toml};
use componentd::{Host, Manifest, ServiceError};
use dev_backends::Scratch;

use super::bytes::{component, with_instances};
use crate::support::client::Client;
use crate::support::files::guest;
use crate::support::host::{client, start, try_start};
use crate::support::misbehave;
use crate::support::wait::until;
use crate::swap::bytes;

/// A file with a component, in a folder that is removed with it.
fn file(component: &[u8]) -> (Scratch, String) {
    let folder = Scratch::new().unwrap();
    let path = folder.path().join("hostile.wasm");
    std::fs::write(&path, component).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

/// The guest that misbehaves, with as many memories as a component may have: one invocation takes four places.
#[tokio::test(flavor = "multi_thread")]
async fn memories_take_no_places_of_other_services() {
    let (_folder, memories) = file(&with_instances(&bytes("misbehave"), "(module (memory 0))", 3));
    let other = misbehave::manifest("", "limits = { concurrency = 4 }");
    let attacked = other.replace("[services.guest]", "[services.hostile]").replace(&guest("misbehave"), &memories);
    let host = start(&format!("[host]\ninstances = 8\n{other}\n{attacked}")).await;
    let (quiet, hostile) = (client(&host, "guest"), client(&host, "hostile"));
    let sleep = |client: Client| tokio::spawn(async move { client.get("/sleep?ms=3000").await.status });
    let asleep = [sleep(hostile.clone()), sleep(hostile.clone())];
    until("both are at work", async || {
        let third = tokio::time::timeout(std::time::Duration::from_millis(50), hostile.get("/hello")).await;
        third.is_err().then_some(())
    })
    .await;
    let (one, two) = (sleep(quiet.clone()), sleep(quiet.clone()));
    assert_eq!((one.await.unwrap(), two.await.unwrap()), (200, 200));
    for request in asleep {
        assert_eq!(request.await.unwrap(), 200);
    }
}

/// Three memories of 15 MiB, of which no one is larger than all may be.
#[tokio::test(flavor = "multi_thread")]
async fn all_memories_of_an_instance_are_counted() {
    let (_folder, memories) = file(&with_instances(&bytes("misbehave"), "(module (memory 240))", 3));
    let manifest = |limit: &str| {
        let manifest = misbehave::manifest("", &format!("limits = {{ memory = '{limit}' }}"));
        manifest.replace(&guest("misbehave"), &memories)
    };
    let refused = try_start(&manifest("32MiB")).await.err().expect("it takes 45 MiB").to_string();
    assert!(refused.contains("limits.memory"), "{refused}");
    drop(start(&manifest("64MiB")).await);
}

/// What grows without end: handles of the component's own, and of the host's.
const HANDLES: &str = r#"
    (import "wasi:http/types@0.2.0" (instance $http
        (export "fields" (type $fields (sub resource)))
        (export "[constructor]fields" (func (result (own $fields))))))
    (core func $fields (canon lower (func $http "[constructor]fields")))
    (type $own (resource (rep i32)))
    (core func $new (canon resource.new $own))
    (core module $m
        (import "host" "fields" (func $fields (result i32)))
        (import "host" "new" (func $new (param i32) (result i32)))
        (global $count (mut i32) (i32.const 0))
        (func (export "fields") (result i32) (loop (drop (call $fields)) (br 0)) unreachable)
        (func (export "own") (result i32) (loop (drop (call $new (i32.const 1))) (br 0)) unreachable)
        (func (export "leak") (result i32) (local $n i32)
            (loop
                (drop (call $fields))
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (br_if 0 (i32.lt_u (local.get $n) (i32.const 100))))
            (global.set $count (i32.add (global.get $count) (i32.const 1)))
            (global.get $count)))
    (core instance $i (instantiate $m (with "host" (instance
        (export "fields" (func $fields)) (export "new" (func $new))))))
    (func $fields-for-ever (result u32) (canon lift (core func $i "fields")))
    (func $own-for-ever (result u32) (canon lift (core func $i "own")))
    (func $leak (result u32) (canon lift (core func $i "leak")))
    (export "fields" (func $fields-for-ever))
    (export "own" (func $own-for-ever))
    (export "leak" (func $leak))"#;

/// A head that grows without end.
const FIELDS: &str = r#"
    (import "wasi:http/types@0.2.0" (instance $http
        (export "fields" (type $fields (sub resource)))
        (type $error (variant (case "invalid-syntax") (case "forbidden") (case "immutable")))
        (export "header-error" (type $header-error (eq $error)))
        (export "[constructor]fields" (func (result (own $fields))))
        (export "[method]fields.append" (func
            (param "self" (borrow $fields)) (param "name" string) (param "value" (list u8))
            (result (result (error $header-error)))))))
    (core module $m (memory (export "memory") 1) (data (i32.const 0) "name"))
    (core instance $m (instantiate $m))
    (core func $new (canon lower (func $http "[constructor]fields")))
    (core func $append (canon lower (func $http "[method]fields.append") (memory $m "memory")))
    (core module $n
        (import "host" "new" (func $new (result i32)))
        (import "host" "append" (func $append (param i32 i32 i32 i32 i32 i32)))
        (func (export "append") (result i32) (local $fields i32)
            (local.set $fields (call $new))
            (loop
                (call $append (local.get $fields) (i32.const 0) (i32.const 4)
                    (i32.const 0) (i32.const 4) (i32.const 100))
                (br 0))
            unreachable))
    (core instance $n (instantiate $n (with "host" (instance
        (export "new" (func $new)) (export "append" (func $append))))))
    (func $append-for-ever (result u32) (canon lift (core func $n "append")))
    (export "append" (func $append-for-ever))"#;

/// Loops where the host calls a component without being asked to: to have room for an argument, and after a result.
const LOOPS: &str = r#"
    (core module $m
        (memory (export "memory") 1)
        (func $for-ever (result i32) (loop (br 0)) unreachable)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (call $for-ever))
        (func (export "after") (param i32) (drop (call $for-ever)))
        (func (export "take") (param i32 i32) (result i32) (i32.const 0))
        (func (export "give") (result i32) (i32.const 0))
        (func (export "well") (result i32) (i32.const 1)))
    (core instance $i (instantiate $m))
    (func $take (param "text" string) (result u32)
        (canon lift (core func $i "take") (memory $i "memory") (realloc (func $i "realloc"))))
    (func $give (result string) (canon lift (core func $i "give") (memory $i "memory") (post-return (func $i "after"))))
    (func $well (result u32) (canon lift (core func $i "well")))
    (export "take" (func $take))
    (export "give" (func $give))
    (export "well" (func $well))"#;

/// The destructor of a resource, which the component drops itself.
const DESTRUCTOR: &str = r#"
    (core module $d (func (export "destroy") (param i32) (loop (br 0))))
    (core instance $d (instantiate $d))
    (type $own (resource (rep i32) (dtor (func $d "destroy"))))
    (core func $new (canon resource.new $own))
    (core func $drop (canon resource.drop $own))
    (core module $m
        (import "host" "new" (func $new (param i32) (result i32)))
        (import "host" "drop" (func $drop (param i32)))
        (func (export "destroy") (result i32) (call $drop (call $new (i32.const 1))) (i32.const 1)))
    (core instance $i (instantiate $m (with "host" (instance
        (export "new" (func $new)) (export "drop" (func $drop))))))
    (func $destroy (result u32) (canon lift (core func $i "destroy")))
    (export "destroy" (func $destroy))"#;

/// A host with a service that the test calls.
async fn called(definitions: &str, limits: &str) -> (Scratch, Host) {
    let (folder, path) = file(&component(definitions));
    let mut service = Table::new();
    service.insert("component".to_owned(), path.into());
    service.insert("trigger".to_owned(), "none".into());
    service.insert("limits".to_owned(), limits.parse::<Table>().unwrap().into());
    let manifest = Manifest::from_toml(toml! { services = { hostile = service } }).unwrap();
    (folder, Host::builder().manifest(manifest).start().await.unwrap())
}

async fn call(host: &Host, function: &str) -> Result<u32, ServiceError> {
    let (result,) = host.service("hostile").unwrap().call("", function, ()).await?;
    Ok(result)
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_are_limited() {
    let (_folder, host) = called(HANDLES, "cpu = '10s'\nhandles = 500").await;
    for function in ["fields", "own"] {
        let refused = call(&host, function).await.unwrap_err().to_string();
        assert!(refused.contains("more than 500 handles (limits.handles)"), "{function}: {refused}");
        assert_eq!(call(&host, "leak").await.unwrap(), 1, "another instance");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fields_of_a_head_are_limited() {
    let (_folder, host) = called(FIELDS, "cpu = '10s'").await;
    let refused = call(&host, "append").await.unwrap_err().to_string();
    assert!(refused.contains("total size of fields exceeds limit"), "{refused}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_leaks_handles_is_not_met_again() {
    let (_folder, host) = called(HANDLES, "handles = 500").await;
    // 100 are left behind each time, and with 300 it holds more than half of what it may.
    for calls in [1, 2, 3, 1, 2, 3] {
        assert_eq!(call(&host, "leak").await.unwrap(), calls);
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn loops_end_wherever_they_are() {
    let (_folder, host) = called(LOOPS, "cpu = '100ms'").await;
    let service = host.service("hostile").unwrap();
    let taken = service.call::<_, (u32,)>("", "take", ("text".to_owned(),)).await.unwrap_err().to_string();
    assert!(taken.contains("limits.cpu"), "{taken}");
    let given = service.call::<_, (String,)>("", "give", ()).await.unwrap_err().to_string();
    assert!(given.contains("limits.cpu"), "{given}");
    assert_eq!(call(&host, "well").await.unwrap(), 1);
    host.stop().await;
    let (_folder, host) = called(DESTRUCTOR, "cpu = '100ms'").await;
    let destroyed = call(&host, "destroy").await.unwrap_err().to_string();
    assert!(destroyed.contains("limits.cpu"), "{destroyed}");
    host.stop().await;
}
