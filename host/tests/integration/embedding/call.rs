//! Services that a program calls itself.

use componentd::{Host, ServiceError, bindings};

use super::greeter::{self, Counts};

mod typed {
    componentd::wasmtime::component::bindgen!({
        inline: "
            package acme:greeter@1.0.0;
            interface api { add: func(a: u32, b: u32) -> u32; count: func() -> u32; }
            world greeter { export api; }
        ",
        exports: { default: async },
        wasmtime_crate: componentd::wasmtime,
    });
}

bindings!(typed::Greeter, typed::GreeterIndices);

async fn add(host: &Host, a: u32, b: u32) -> Result<u32, ServiceError> {
    let (sum,) = host.service("greeter")?.call("acme:greeter/api", "add", (a, b)).await?;
    Ok(sum)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_called_by_its_name_with_or_without_the_version_of_its_interface() {
    let host = greeter::host("").await;
    assert_eq!(add(&host, 2, 3).await.unwrap(), 5);
    let service = host.service("greeter").unwrap();
    let (sum,): (u32,) = service.call("acme:greeter/api@1.0.0", "add", (4_u32, 5_u32)).await.unwrap();
    assert_eq!(sum, 9);
    assert_eq!(Counts::of(&host, "greeter").await, Counts { ok: 2, ..Counts::default() });
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_reused_also_between_names_and_bindings() {
    let host = greeter::host("").await;
    let service = host.service("greeter").unwrap();
    for expected in 1..=3 {
        let (count,): (u32,) = service.call("acme:greeter/api", "count", ()).await.unwrap();
        assert_eq!(count, expected);
    }
    for expected in 4..=5 {
        let count = service.with(|store, greeter: &typed::Greeter| {
            Box::pin(async move { greeter.acme_greeter_api().call_count(store).await })
        });
        assert_eq!(count.await.unwrap(), expected);
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_isolation_each_call_has_an_instance_of_its_own() {
    let host = greeter::host("isolation = 'request'").await;
    let service = host.service("greeter").unwrap();
    for _ in 0..2 {
        let (count,): (u32,) = service.call("acme:greeter/api", "count", ()).await.unwrap();
        assert_eq!(count, 1);
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_call_says_whose_it_is_to_mend() {
    let host = greeter::host("limits = { cpu = '100ms', timeout = '2s' }").await;
    let service = host.service("greeter").unwrap();
    let call = async |interface, function| service.call::<(), (u32,)>(interface, function, ()).await.unwrap_err();

    let unknown = host.service("greetre").err().unwrap();
    assert!(unknown.to_string().contains("greeter"), "{unknown}");
    let absent = call("acme:greeter/api", "subtract").await;
    assert!(matches!(&absent, ServiceError::NoExport { exports, .. } if exports.contains("add")), "{absent}");
    let absent = call("acme:greeter/other", "add").await;
    assert!(
        matches!(&absent, ServiceError::NoExport { exports, .. } if exports.contains("acme:greeter/api")),
        "{absent}"
    );
    let other = call("acme:greeter/api", "add").await;
    assert!(matches!(other, ServiceError::OtherForm { .. }), "{other}");
    let trap = call("acme:greeter/api", "trap").await;
    assert!(matches!(trap, ServiceError::Trapped { .. }), "{trap}");
    let limit = call("acme:greeter/api", "spin").await;
    assert!(matches!(limit, ServiceError::Limit { .. }) && limit.to_string().contains("limits.cpu"), "{limit}");
    assert_eq!(Counts::of(&host, "greeter").await, Counts { ok: 0, error: 3, trap: 1, cpu: 1, saturated: 0 });

    let service = service.clone();
    host.stop().await;
    let stopped = service.call::<_, (u32,)>("acme:greeter/api", "count", ()).await.unwrap_err();
    assert!(matches!(stopped, ServiceError::Stopping), "{stopped}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_wait_in_the_queue_of_the_service_and_no_more_than_may() {
    let host = greeter::host("limits = { concurrency = 1, queue = 1, cpu = '300ms' }").await;
    let service = host.service("greeter").unwrap();
    let calls = (0..3).map(|_| service.call::<(), (u32,)>("acme:greeter/api", "spin", ()));
    let ended = futures_util::future::join_all(calls).await;
    let busy = ended.iter().filter(|result| matches!(result, Err(ServiceError::Busy { .. }))).count();
    let limited = ended.iter().filter(|result| matches!(result, Err(ServiceError::Limit { .. }))).count();
    assert_eq!((busy, limited), (1, 2), "{ended:?}");
    host.stop().await;
}
