//! Versions that a program swaps, and what it hears of them.

use std::time::Duration;

use componentd::{By, Event, Host, NotKept, Outcome, RollbackError, ServiceHandle, Step};
use dev_backends::Scratch;
use futures_util::StreamExt;

use super::greeter;

async fn add(service: &ServiceHandle) -> u32 {
    let (sum,): (u32,) = service.call("acme:greeter/api", "add", (1_u32, 1_u32)).await.unwrap();
    sum
}

async fn next(events: &mut (impl futures_util::Stream<Item = Result<Event, componentd::Lagged>> + Unpin)) -> Event {
    let event = tokio::time::timeout(Duration::from_secs(20), events.next()).await;
    event.expect("an event comes").expect("the host runs").expect("no event is missed")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_swapped_rejected_and_rolled_back_and_each_is_an_event() {
    let state = Scratch::new().unwrap();
    let host = greeter::host_with_state(state.path()).await;
    let (service, mut events) = (host.service("greeter").unwrap(), host.events());
    let first = service.version().unwrap();
    assert_eq!(add(&service).await, 2);

    let second = service.swap(greeter::component(10)).await.unwrap();
    assert_eq!((add(&service).await, service.version().unwrap()), (12, second.clone()));
    let live = next(&mut events).await;
    assert_eq!((&*live.service, &live.entry.version, live.entry.by), ("greeter", &second, By::Program));
    assert_eq!(live.entry.outcome, Outcome::Live);

    let rejected = service.swap(*b"no component").await.unwrap_err();
    assert_eq!(rejected.step(), Step::Compiled);
    let event = next(&mut events).await;
    let reason = rejected.to_string();
    assert_eq!(event.entry.outcome, Outcome::Rejected { step: Step::Compiled, reason });
    assert_eq!(add(&service).await, 12);

    assert_eq!(service.rollback(None).await.unwrap(), first);
    assert_eq!(add(&service).await, 2);
    let back = next(&mut events).await;
    assert_eq!((back.entry.version, back.entry.by), (first, By::Rollback));
    assert_eq!(service.rollback(Some(&second)).await.unwrap(), second);
    let absent = service.rollback(Some("sha256:00")).await.unwrap_err();
    assert!(matches!(absent, RollbackError::NotKept(NotKept::Absent { .. })), "{absent}");

    let by: Vec<By> = service.history().unwrap().iter().map(|entry| entry.by).collect();
    assert_eq!(by, [By::Start, By::Program, By::Program, By::Rollback, By::Rollback]);
    host.stop().await;
    assert_eq!(next(&mut events).await.entry.by, By::Rollback);
    assert!(events.next().await.is_none(), "the events end with the host");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_state_folder_there_is_nothing_to_go_back_to() {
    let host = greeter::host("").await;
    let error = host.service("greeter").unwrap().rollback(None).await.unwrap_err();
    assert!(matches!(error, RollbackError::NotKept(NotKept::Nothing)), "{error}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_fails_the_calls_of_a_program_is_rolled_back() {
    let host = greeter::host("swap = { watch = '60s', watch-requests = 1000, failure-rate = 0.2 }").await;
    let (service, mut events) = (host.service("greeter").unwrap(), host.events());
    let other = service.swap(greeter::without_add()).await.unwrap();
    assert_eq!(next(&mut events).await.entry.version, other);
    loop {
        tokio::select! {
            event = next(&mut events) => {
                assert!(matches!(event.entry.outcome, Outcome::RolledBack { .. }), "{event:?}");
                break;
            }
            _ = service.call::<_, (u32,)>("acme:greeter/api", "add", (1_u32, 1_u32)) => tokio::task::yield_now().await,
        }
    }
    assert_eq!(add(&service).await, 2);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_gets_its_share_of_a_programs_calls() {
    let host: Host = greeter::host("swap = { canary = '50% for 60s' }").await;
    let service = host.service("greeter").unwrap();
    let swap = tokio::spawn({
        let service = service.clone();
        async move { service.swap(greeter::component(10)).await }
    });
    // Until it has begun, all calls are the old version's.
    let begun = async { while add(&service).await != 12 {} };
    tokio::time::timeout(Duration::from_secs(20), begun).await.expect("the canary gets calls");
    let mut sums = [0; 2];
    for _ in 0..100 {
        sums[usize::from(add(&service).await == 12)] += 1;
    }
    assert_eq!(sums, [50, 50]);
    swap.abort();
    host.stop().await;
}
