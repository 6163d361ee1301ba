//! Two hundred swaps under load: no request fails, none sees two versions, each answer is from a version that was live.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::Slot;
use super::versions::Mark;
use crate::support::client::Client;
use crate::support::wait::until;

const SWAPS: usize = 200;
const KEEP_ALIVE: usize = 160;
const NEW_CONNECTIONS: usize = 40;
/// Answers before the first swap, so that latencies can be compared.
const UNDISTURBED: usize = 5_000;

/// One answer: when it was asked for, when it was there, and the version in it.
struct Answer {
    asked: Instant,
    answered: Instant,
    version: String,
}

/// When a version was live at the latest: from before the swap to it was asked for, to after the next one was done.
struct Reign {
    from: Instant,
    to: Instant,
    version: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_two_hundred_swaps() {
    let limits = "limits = { concurrency = 256, queue = 1000, timeout = '60s' }";
    let slot = Slot::start(Mark::good(1), limits).await;
    let stop = Arc::new(AtomicBool::new(false));
    let started = Instant::now();
    let (load, answered) = start_load(&slot, &stop);
    until("there is load", async || (answered.load(Ordering::Relaxed) >= UNDISTURBED).then_some(())).await;
    let swapping = Instant::now();
    let reigns = swap_to_and_fro(&slot, started).await;
    stop.store(true, Ordering::Relaxed);
    let answers: Vec<Answer> = load.join_all().await.into_iter().flatten().collect();
    println!("{SWAPS} swaps in {:?}, {} answers, no failure", swapping.elapsed(), answers.len());
    println!("without swaps: {}", latencies(answers.iter().filter(|answer| answer.answered < swapping)));
    println!("with swaps:    {}", latencies(answers.iter().filter(|answer| answer.asked >= swapping)));
    assert!(answers.len() > SWAPS, "there was hardly any load");
    for answer in &answers {
        let (first, second) = answer.version.split_once(' ').unwrap();
        assert_eq!(first, second, "two versions in one answer");
        assert!(reigns.iter().any(|reign| reign.covers(answer)), "{first} was not live then");
    }
    slot.host.stop().await;
}

/// For people: no bound is asserted, since machines differ.
fn latencies<'a>(answers: impl Iterator<Item = &'a Answer>) -> String {
    let mut latencies: Vec<_> = answers.map(|answer| answer.answered - answer.asked).collect();
    latencies.sort();
    let at = |share: usize| latencies[(latencies.len() - 1) * share / 100];
    format!("{} answers, p50 {:?}, p99 {:?}", latencies.len(), at(50), at(99))
}

/// The clients, and how many answers they have so far.
fn start_load(slot: &Slot, stop: &Arc<AtomicBool>) -> (JoinSet<Vec<Answer>>, Arc<AtomicUsize>) {
    let (mut load, answered) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    let shared = slot.client();
    for number in 0..KEEP_ALIVE + NEW_CONNECTIONS {
        let (client, stop, answered) = (shared.clone(), stop.clone(), answered.clone());
        load.spawn(ask_again_and_again(client, number >= KEEP_ALIVE, stop, answered));
    }
    (load, answered)
}

async fn ask_again_and_again(
    mut client: Client,
    new_connections: bool,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        if new_connections {
            client = Client::new(client.address);
        }
        let asked = Instant::now();
        let version = client.get("/twice").await.expect(200).to_owned();
        answers.push(Answer { asked, answered: Instant::now(), version });
        answered.fetch_add(1, Ordering::Relaxed);
    }
    answers
}

/// The reigns of all versions, in the order of the swaps.
async fn swap_to_and_fro(slot: &Slot, started: Instant) -> Vec<Reign> {
    let versions = [Mark::good(1), Mark::good(2)];
    let mut reigns = vec![Reign { from: started, to: started, version: "0001".to_owned() }];
    for swap in 1..=SWAPS {
        let mark = versions[swap % 2];
        let from = Instant::now();
        slot.upload(mark.component()).await.expect(200);
        reigns.last_mut().unwrap().to = Instant::now();
        reigns.push(Reign { from, to: Instant::now(), version: format!("{:04}", mark.0) });
        if swap % 10 == 0 {
            // It is live at once: a client that asks now must get it.
            assert_eq!(slot.answer().await, format!("{:04}", mark.0));
        }
    }
    let last = reigns.last_mut().unwrap();
    last.to = last.from + Duration::from_secs(3600);
    reigns
}

impl Reign {
    /// The answer's version was picked while it was asked for, and this version was live at some moment of that.
    fn covers(&self, answer: &Answer) -> bool {
        answer.version.starts_with(&self.version) && answer.asked <= self.to && answer.answered >= self.from
    }
}
