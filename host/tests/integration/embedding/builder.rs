//! How a host is built: its manifest without a file, its capabilities.

use componentd::toml::{self, toml};
use componentd::{Host, Manifest, capabilities, default_capabilities};

use crate::support::files::guest;
use crate::support::host::client;

fn hello() -> Manifest {
    let component = guest("hello");
    Manifest::from_toml(toml! {
        [services.hello]
        component = component
        http = { listen = "127.0.0.1:0" }
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_needs_no_file() {
    let host = Host::builder().manifest(hello()).start().await.unwrap();
    assert_eq!(client(&host, "hello").get("/").await.status, 200);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_may_start_with_nothing_and_get_its_services_later() {
    let host = Host::builder().start().await.unwrap();
    assert_eq!(host.address("hello"), None);
    assert_eq!(host.apply(hello()).await.unwrap().started, ["hello"]);
    assert_eq!(client(&host, "hello").get("/").await.status, 200);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_capabilities_that_offer_the_same_are_refused() {
    let twice = Host::builder().manifest(hello()).capability(capabilities::Logging).start().await;
    let refused = twice.err().expect("logging is there already").to_string();
    assert!(
        refused.contains("the capabilities do not go together")
            && refused.contains("what `logging` offers is there already"),
        "{refused}"
    );
}

#[test]
fn an_error_of_a_manifest_without_a_file_names_the_key() {
    let wrong = |table| Manifest::from_toml(table).unwrap_err().to_string();
    let size = wrong(toml! {
        [services.hello]
        component = "hello.wasm"
        http = { listen = "127.0.0.1:0" }
        limits = { memory = "much" }
    });
    assert!(size.starts_with("services.hello.limits.memory: "), "{size}");
    let none = wrong(toml::Table::from_iter([("services".to_owned(), toml::Table::new().into())]));
    assert!(none.starts_with("services: there is no service"), "{none}");
    let typo = wrong(toml! {
        [services.hello]
        componet = "hello.wasm"
    });
    assert!(typo.starts_with("services.hello.componet: ") && typo.contains("component"), "{typo}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_has_the_capabilities_that_it_is_given() {
    let manifest = |name: &str| {
        let grants = toml::Table::from_iter([(name.to_owned(), toml::Table::new().into())]);
        let http = toml! { listen = "127.0.0.1:0" };
        Manifest::from_toml(toml! {
            [services.hello]
            component = "hello.wasm"
            http = http
            grants = grants
        })
        .unwrap()
    };
    let few: Vec<_> = default_capabilities().into_iter().filter(|each| each.about().name == "http").collect();
    let refused = async |name: &str| {
        let host = Host::builder().manifest(manifest(name)).capabilities(few.clone()).start();
        host.await.err().unwrap().to_string()
    };
    let redis = refused("redis").await;
    assert!(redis.starts_with("services.hello.grants.redis: there is no key"), "{redis}");
    // It is known, and its own form is what is wrong.
    let http = refused("http").await;
    assert!(http.starts_with("services.hello.grants.http") && !http.contains("there is no key"), "{http}");
    let both = Host::builder().manifest(manifest("redis")).capabilities(few.clone()).capability(capabilities::Redis);
    let both = both.start().await.err().unwrap().to_string();
    assert!(!both.contains("there is no key"), "{both}");
}
