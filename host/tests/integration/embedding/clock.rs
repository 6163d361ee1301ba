//! A capability of a program's own, by the public API alone: the seconds of its game.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use componentd::toml::{Table, toml};
use componentd::wasmtime::component::Linker;
use componentd::{About, Capability, Client, ConfigError, Grant, Host, HostContext, Manifest, Needs, Package};
use componentd::{Section, ServiceContext, State, wasmtime};
use dev_backends::Scratch;

/// Shared by all who want to know the time, and by who makes it pass.
#[derive(Clone)]
struct Clock(Arc<AtomicU64>);

/// How far ahead of the clock a service is told that it is.
struct Ahead(Clock, u64);

const PACKAGES: &[Package] = &[Package { name: "acme:clock", version: "", interfaces: &["now"] }];
const NEEDS: Needs = Needs { interface: "acme:clock/now", example: "grants.clock = 0" };

impl Capability for Clock {
    fn about(&self) -> About {
        About { name: "clock", packages: PACKAGES, needs: Some(NEEDS), server: None }
    }

    fn add_to_linker(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        linker.instance("acme:clock/now")?.func_wrap("seconds", |mut store, (): ()| {
            let grant = store.data_mut().view::<Ahead>().grant;
            let Ahead(clock, ahead) = grant.ok_or_else(|| wasmtime::Error::msg("grants.clock is missing"))?;
            Ok((clock.0.load(Ordering::Relaxed) + ahead,))
        })
    }

    fn client(&self, _: HostContext<'_>) -> Result<Arc<dyn Client>, ConfigError> {
        Ok(Arc::new(self.clone()))
    }
}

impl Client for Clock {
    fn grant(&self, service: &ServiceContext<'_>) -> Result<Option<Arc<dyn Grant>>, ConfigError> {
        let ahead = service.grant("clock").as_ref().map(Section::read::<u64>).transpose()?;
        Ok(ahead.map(|ahead| Arc::new(Ahead(self.clone(), ahead)) as Arc<dyn Grant>))
    }
}

impl Grant for Ahead {}

/// A component that tells the time, and also handles requests, which is of no interest here.
const TELLS_THE_TIME: &str = r#"(component
    (import "wasi:http/types@0.2.0" (instance $http
        (export "incoming-request" (type (sub resource)))
        (export "response-outparam" (type (sub resource)))))
    (import "acme:clock/now" (instance $now (export "seconds" (func (result u64)))))
    (alias export $http "incoming-request" (type $request))
    (alias export $http "response-outparam" (type $response))
    (core func $seconds (canon lower (func $now "seconds")))
    (core module $m
        (import "now" "seconds" (func $seconds (result i64)))
        (func (export "handle") (param i32 i32) unreachable)
        (func (export "time") (result i64) (call $seconds)))
    (core instance $i (instantiate $m (with "now" (instance (export "seconds" (func $seconds))))))
    (func $handle (param "request" (own $request)) (param "response-out" (own $response))
        (canon lift (core func $i "handle")))
    (instance $handler (export "handle" (func $handle)))
    (export "wasi:http/incoming-handler@0.2.0" (instance $handler))
    (func $time (result u64) (canon lift (core func $i "time")))
    (export "time" (func $time)))"#;

async fn start(clock: &Clock, grants: &str) -> Result<Host, String> {
    let folder = Scratch::new().unwrap();
    let file = folder.path().join("teller.wasm");
    std::fs::write(&file, wat::parse_str(TELLS_THE_TIME).unwrap()).unwrap();
    let (component, grants) = (file.display().to_string(), grants.parse::<Table>().unwrap());
    let manifest = Manifest::from_toml(toml! {
        [services.teller]
        component = component
        grants = grants
        http = { listen = "127.0.0.1:0" }
    });
    let host = Host::builder().manifest(manifest.unwrap()).capability(clock.clone()).start().await;
    host.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_calls_a_capability_of_the_programs_own() {
    let clock = Clock(Arc::new(AtomicU64::new(100)));
    let host = start(&clock, "clock = 7").await.unwrap();
    let teller = host.service("teller").unwrap();
    assert_eq!(teller.call::<_, (u64,)>("", "time", ()).await.unwrap(), (107,));
    clock.0.store(200, Ordering::Relaxed);
    assert_eq!(teller.call::<_, (u64,)>("", "time", ()).await.unwrap(), (207,));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_grant_is_asked_for_and_read_like_any_other() {
    let clock = Clock(Arc::new(AtomicU64::new(0)));
    let missing = start(&clock, "").await.err().unwrap();
    assert!(missing.contains("acme:clock/now") && missing.contains("grants.clock = 0"), "{missing}");
    let wrong = start(&clock, "clock = 'soon'").await.err().unwrap();
    assert!(wrong.starts_with("services.teller.grants.clock: "), "{wrong}");
}
