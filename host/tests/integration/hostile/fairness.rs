//! A service that uses up all the processor time that it can get: its neighbours are served as without it, and get their share.

use std::time::{Duration, Instant};

use componentd::Host;
use tokio::task::JoinSet;

use crate::support::client::Client;
use crate::support::files::guest;
use crate::support::host::{ADMIN, admin, client, metric, outcomes, start};
use crate::support::wait::until;

/// Many more than any machine has processors for.
const SPINNING: usize = 48;

/// Its calls last for as long as a test may need them, and for no longer than a few seconds after it.
const SPINS: &str = "limits = { cpu = '60s', timeout = '5s' }";

/// How much longer than alone a request may take beside such a neighbour. In this build, in which the host is ten times slower
/// than the one that ships and other tests run meanwhile; where guests and the host wait for each other it is hundreds.
const SLOWER: u32 = 60;

/// Two services of the guest, `loud` and `quiet`, and an admin port.
async fn host(loud: &str, quiet: &str) -> Host {
    let component = guest("misbehave");
    let service = |name, keys| {
        format!("[services.{name}]\ncomponent = '{component}'\nhttp = {{ listen = '127.0.0.1:0' }}\n{keys}\n")
    };
    start(&format!("{}{}{ADMIN}", service("loud", loud), service("quiet", quiet))).await
}

/// So many clients that ask for a path again and again, until this is dropped.
fn hammer(client: &Client, path: &'static str, clients: usize) -> JoinSet<()> {
    let ask = |_| {
        // Each with connections of its own.
        let client = Client::new(client.address);
        async move {
            loop {
                let _ = client.try_send(client.request(http::Method::GET, path, "")).await;
            }
        }
    };
    (0..clients).map(ask).collect()
}

/// The median of what a request takes, over a new connection each.
async fn median(address: &Client, path: &str) -> Duration {
    let mut took = Vec::new();
    for _ in 0..60 {
        let client = Client::new(address.address);
        let start = Instant::now();
        client.get(path).await.expect(200);
        took.push(start.elapsed());
    }
    took.sort_unstable();
    took[took.len() / 2]
}

/// Processor time of a service so far, in seconds.
async fn processor(host: &Host, service: &str) -> f64 {
    let name = format!("componentd_processor_seconds_total{{service=\"{service}\"}}");
    metric(&admin(host), &name).await.unwrap_or_default()
}

/// Waits until a service has had so many seconds of processor time in all.
async fn until_used(host: &Host, service: &str, seconds: f64) {
    let used = async || (processor(host, service).await >= seconds).then_some(());
    until(&format!("{service} has used {seconds} s"), used).await;
}

/// What requests take beside `path` of the neighbour is not much more than alone: of the quiet service, and of the admin port.
async fn neighbours_are_quick_beside(path: &'static str, loud: &str) {
    let host = host(loud, "").await;
    let (quiet, admin) = (client(&host, "quiet"), admin(&host));
    let alone = (median(&quiet, "/hello").await, median(&admin, "/healthz").await);
    let hammering = hammer(&client(&host, "loud"), path, SPINNING);
    until_used(&host, "loud", 0.5).await;
    let beside = (median(&quiet, "/hello").await, median(&admin, "/healthz").await);
    assert_eq!(hammering.len(), SPINNING, "all of them still ask");
    assert!(beside.0 < alone.0 * SLOWER, "a quiet service: {:?} beside them, {:?} alone", beside.0, alone.0);
    assert!(beside.1 < alone.1 * SLOWER, "the admin port: {:?} beside them, {:?} alone", beside.1, alone.1);
    drop(hammering);
    until_idle(&host, "loud").await;
    client(&host, "loud").get("/hello").await.expect(200);
}

/// Waits until a service has no call left that runs: what it has used stands still for many looks.
async fn until_idle(host: &Host, service: &str) {
    let (mut last, mut looks) = (0.0, 0);
    let stands_still = async || {
        let used = processor(host, service).await;
        looks = if used > last { 0 } else { looks + 1 };
        last = used;
        (looks > 20).then_some(())
    };
    until("all calls have ended", stands_still).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_requests_that_spin_neighbours_are_quick() {
    neighbours_are_quick_beside("/spin", SPINS).await;
}

/// Each ends before it could be called long, but there is always another.
#[tokio::test(flavor = "multi_thread")]
async fn beside_many_requests_that_work_a_while_neighbours_are_quick() {
    neighbours_are_quick_beside("/work?turns=2000000", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_share_the_processor_however_many_requests_each_has() {
    let host = host(SPINS, SPINS).await;
    let processors = std::thread::available_parallelism().unwrap().get();
    let _many = hammer(&client(&host, "loud"), "/spin", SPINNING);
    until_used(&host, "loud", 0.5).await;
    let _few = hammer(&client(&host, "quiet"), "/spin", processors);
    until_used(&host, "quiet", 0.5).await;
    let before = (processor(&host, "loud").await, processor(&host, "quiet").await);
    until_used(&host, "quiet", before.1 + 1.0).await;
    let (loud, quiet) = (processor(&host, "loud").await - before.0, processor(&host, "quiet").await - before.1);
    let ratio = loud / quiet;
    assert!((0.7..1.5).contains(&ratio), "{SPINNING} requests had {loud} s, {processors} had {quiet} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_spins_among_many_ends_at_its_limits() {
    let host = host("limits = { cpu = '60s', timeout = '2s' }", "limits = { cpu = '100ms', timeout = '60s' }").await;
    let (loud, quiet) = (client(&host, "loud"), client(&host, "quiet"));
    let spin = |_| {
        let loud = loud.clone();
        async move { loud.get("/spin").await.problem(504) }
    };
    let spinning: JoinSet<_> = (0..SPINNING).map(spin).collect();
    quiet.get("/spin").await.problem(500);
    spinning.join_all().await;
    let (loud, quiet) = (outcomes(&admin(&host), "loud").await, outcomes(&admin(&host), "quiet").await);
    assert_eq!((loud.get("timeout"), quiet.get("cpu")), (Some(&(SPINNING as u64)), Some(&1)), "{loud:?} {quiet:?}");
}
