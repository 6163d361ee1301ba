//! Notifications: records of a topic become mails.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::backends::Backends;
use crate::candidate::Candidate;
use crate::mailbox::Mailbox;
use crate::server::Server;
use crate::sheet::{Key, Sheet, Target};
use crate::store::Listen;
use crate::world::{World, turn};
use crate::{kafka, native, store};

const NAME: &str = "notifications";
const USERS: usize = 100;

pub(super) async fn run(world: &World) -> Result<Sheet> {
    let count = world.options.count(20_000, 500);
    let about = format!("records a second that became mails: {count} records in {} partitions", kafka::PARTITIONS);
    let mut sheet = world.sheet(NAME, &about);
    for candidate in world.turns(&Candidate::STORE) {
        turn(candidate.name());
        let backends = world.backends().await?;
        backends.empty().await?;
        sign_up(backends).await?;
        let topic = unique();
        kafka::fill(&backends.brokers(), &topic, count, USERS).await?;
        consume(world, candidate, &topic, count, &mut sheet).await?;
    }
    for (candidate, how, goal) in
        [(Candidate::Reuse, "reused instance", Some(0.80)), (Candidate::Fresh, "fresh instance", None)]
    {
        let ratios = sheet.ratios(&rate(candidate), &rate(Candidate::Native))?;
        sheet.find(&format!("{NAME}, {how}"), "native", "", ratios, goal.map(Target::AtLeast));
    }
    Ok(sheet)
}

fn rate(candidate: Candidate) -> Key {
    Key::new("throughput", "records/s", NAME, candidate.name())
}

/// From the first mail to the last: how long a group takes to form says nothing about who handles its records.
async fn consume(world: &World, candidate: Candidate, topic: &str, count: usize, sheet: &mut Sheet) -> Result<()> {
    let mailbox = Mailbox::start().await?;
    let consumer = start(world, candidate, topic, &mailbox.url).await?;
    mailbox.wait_for(1).await.with_context(|| consumer.log())?;
    let (before, begun) = (consumer.processor_seconds()?, mailbox.tally());
    let all = mailbox.wait_for(count).await.with_context(|| consumer.log())?;
    let used = consumer.processor_seconds()? - before;
    let (first, last) = all.first.zip(all.last).context("mails have come")?;
    sheet.add(rate(candidate), (all.count - 1) as f64 / (last - first).as_secs_f64());
    let cost = Key::new("processor", "µs/record", NAME, candidate.name());
    sheet.add(cost, used * 1e6 / (all.count - begun.count) as f64);
    consumer.stop().await;
    Ok(())
}

async fn start(world: &World, candidate: Candidate, topic: &str, mailbox: &str) -> Result<Server> {
    let backends = world.backends().await?;
    if candidate == Candidate::Native {
        let (brokers, redis) = (backends.brokers(), backends.redis());
        let arguments = ["--brokers", &brokers, "--redis-url", &redis, "--sendgrid-url", mailbox];
        let own = ["--api-key", "bench", "--topic", topic, "--group", topic];
        return native::start(world, NAME, &[&arguments[..], &own[..]].concat(), None);
    }
    let mut host = store::host(backends, candidate, &[NAME], &Listen::free()?)?;
    let own = format!("topic = \"{topic}\", group = \"{topic}\", dead-letter = \"{}\"", kafka::dead_letters(topic));
    host.manifest = host.manifest.replace(SHIPPED, &own);
    host.environment.push(("SENDGRID_URL", mailbox.to_owned()));
    host.start(world)
}

/// What the shipped manifest says.
const SHIPPED: &str = "topic = \"orders\", group = \"notifications\", dead-letter = \"orders.dead-letter\"";

async fn sign_up(backends: &Backends) -> Result<()> {
    let mut redis = redis::Client::open(backends.redis())?.get_multiplexed_async_connection().await?;
    for user in 1..=USERS {
        let (key, address) = (format!("user:{user}:email"), format!("user-{user}@example.com"));
        redis::cmd("SET").arg(key).arg(address).query_async::<()>(&mut redis).await?;
    }
    Ok(())
}

/// No sample sees what another has left.
fn unique() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("bench-{}", since.as_micros())
}
