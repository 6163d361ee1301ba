//! A small component that programs call, and hosts with it. That it also handles requests is of no interest here.

use std::path::Path;

use componentd::toml::{Table, toml};
use componentd::{Host, Manifest};
use dev_backends::Scratch;

use crate::support::host::{admin, invocations};

/// What counts its calls, adds (and some more to the sum), traps and spins.
pub fn component(more: u32) -> Vec<u8> {
    with("add", more)
}

/// The same without `add`.
pub fn without_add() -> Vec<u8> {
    with("subtract", 0)
}

fn with(add: &str, more: u32) -> Vec<u8> {
    let text = format!(
        r#"(component
            (import "wasi:http/types@0.2.0" (instance $http
                (export "incoming-request" (type (sub resource)))
                (export "response-outparam" (type (sub resource)))))
            (alias export $http "incoming-request" (type $request))
            (alias export $http "response-outparam" (type $response))
            (core module $m
                (global $count (mut i32) (i32.const 0))
                (func (export "handle") (param i32 i32) unreachable)
                (func (export "add") (param i32 i32) (result i32)
                    (i32.add (i32.add (local.get 0) (local.get 1)) (i32.const {more})))
                (func (export "count") (result i32)
                    (global.set $count (i32.add (global.get $count) (i32.const 1)))
                    (global.get $count))
                (func (export "trap") (result i32) unreachable)
                (func (export "spin") (result i32) (loop (br 0)) unreachable))
            (core instance $i (instantiate $m))
            (func $handle (param "request" (own $request)) (param "response-out" (own $response))
                (canon lift (core func $i "handle")))
            (instance $handler (export "handle" (func $handle)))
            (export "wasi:http/incoming-handler@0.2.0" (instance $handler))
            (func $add (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "add")))
            (func $count (result u32) (canon lift (core func $i "count")))
            (func $trap (result u32) (canon lift (core func $i "trap")))
            (func $spin (result u32) (canon lift (core func $i "spin")))
            (instance $api
                (export "{add}" (func $add)) (export "count" (func $count))
                (export "trap" (func $trap)) (export "spin" (func $spin)))
            (export "acme:greeter/api@1.0.0" (instance $api)))"#
    );
    wat::parse_str(text).unwrap()
}

/// A host whose service `greeter` has this in its table besides.
pub async fn host(settings: &str) -> Host {
    host_of(settings, Table::new()).await
}

pub async fn host_with_state(state: &Path) -> Host {
    let state = state.display().to_string();
    host_of("", toml! { state = state }).await
}

async fn host_of(settings: &str, host: Table) -> Host {
    let folder = Scratch::new().unwrap();
    let file = folder.path().join("greeter.wasm");
    std::fs::write(&file, component(0)).unwrap();
    let mut greeter: Table = settings.parse().unwrap();
    greeter.insert("component".to_owned(), file.display().to_string().into());
    greeter.insert("http".to_owned(), toml! { listen = "127.0.0.1:0" }.into());
    let manifest = Manifest::from_toml(toml! {
        host = host
        admin = { listen = "127.0.0.1:0" }
        services = { greeter = greeter }
    });
    Host::builder().manifest(manifest.unwrap()).start().await.unwrap()
}

/// How the calls of a service ended, as the measurements say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub ok: u64,
    pub error: u64,
    pub trap: u64,
    pub cpu: u64,
    pub saturated: u64,
}

impl Counts {
    pub async fn of(host: &Host, service: &str) -> Self {
        let admin = admin(host);
        let of = async |outcome| invocations(&admin, service, outcome).await;
        let (ok, error, trap) = (of("ok").await, of("error").await, of("trap").await);
        Self { ok, error, trap, cpu: of("cpu").await, saturated: of("saturated").await }
    }
}
