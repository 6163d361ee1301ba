//! Waits until nothing is on its way any more.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::mails::Mails;
use crate::metrics;
use crate::offsets::{GROUP, TOPIC};
use crate::topic;
use crate::world::World;

/// A record that failed while a backend was away waits up to half a minute for its next attempt, and the next behind it.
const WITHIN: Duration = Duration::from_secs(180);
const LOOK_EVERY: Duration = Duration::from_secs(1);
const ASK_TIMEOUT: Duration = Duration::from_secs(10);
/// So many looks without a new mail.
const QUIET: u32 = 4;

/// Until the outbox is empty, the lag is 0 by the host's word and by Kafka's own, and no mail comes.
///
/// # Errors
/// It does not come to rest in time; the message says what is left.
pub async fn settle(world: &World, mails: &Mails) -> Result<()> {
    let (deadline, mut quiet, mut count) = (Instant::now() + WITHIN, 0, mails.count());
    while quiet < QUIET {
        tokio::time::sleep(LOOK_EVERY).await;
        let left = left(world).await;
        let is_quiet = left.is_empty() && mails.count() == count;
        quiet = if is_quiet { quiet + 1 } else { 0 };
        count = mails.count();
        if Instant::now() > deadline {
            bail!("{WITHIN:?} after the last fault: {}", left.join(", "));
        }
    }
    Ok(())
}

/// What is not yet as it should be, in words.
async fn left(world: &World) -> Vec<String> {
    let mut left = by_the_host(world).await;
    let brokers = world.urls.kafka.clone();
    let progress = tokio::task::spawn_blocking(move || topic::progress(&brokers, TOPIC, GROUP)).await;
    match progress.map_err(anyhow::Error::from).flatten() {
        Ok(progress) => {
            let lag: i64 = progress.iter().map(|(committed, end)| end - committed).sum();
            left.extend((lag != 0).then(|| format!("{lag} records are not committed")));
        }
        Err(error) => left.push(format!("Kafka does not say how far the group is: {error:#}")),
    }
    left
}

async fn by_the_host(world: &World) -> Vec<String> {
    let url = |path| world.ports().url(path);
    let ready = world.http.get(&url("/readyz"), ASK_TIMEOUT).await;
    let metrics = world.http.get(&url("/metrics"), ASK_TIMEOUT).await;
    let mut left = Vec::new();
    match ready {
        Ok(reply) if reply.status == 200 => {}
        Ok(reply) => left.push(format!("not ready: {}", String::from_utf8_lossy(&reply.body))),
        Err(cut) => left.push(format!("the host does not answer: {cut}")),
    }
    let text = metrics.map(|reply| String::from_utf8_lossy(&reply.body).into_owned()).unwrap_or_default();
    for name in ["componentd_outbox_records", "componentd_consumer_lag_records"] {
        match metrics::sum(&text, name) {
            Some(0.0) => {}
            Some(sum) => left.push(format!("{name} is {sum}")),
            None => left.push(format!("{name} is not there")),
        }
    }
    left
}
