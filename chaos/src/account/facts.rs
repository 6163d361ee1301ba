//! What is there when all is over: read from the servers themselves, past every proxy.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use sqlx::{Connection, PgConnection};

use crate::chronicle::Span;
use crate::intent;
use crate::journal::Entry;
use crate::mails::Mail;
use crate::offsets::{DEAD_LETTERS, GROUP, Sample, TOPIC};
use crate::seen::Seen;
use crate::topic::{self, Event};
use crate::world::{Urls, World};

/// A row of `orders`.
#[derive(Clone, Debug)]
pub struct OrderRow {
    pub user_id: i64,
    pub items: Vec<String>,
    pub total: String,
}

impl OrderRow {
    /// The intent that it comes from.
    pub fn number(&self) -> Option<u32> {
        intent::number_of(&self.items)
    }
}

/// Everything that the accounts look at.
#[derive(Debug)]
pub struct Facts {
    pub settled: Result<(), String>,
    pub wrongs: Vec<String>,
    pub spans: Vec<Span>,
    pub entries: Vec<Entry>,
    pub orders: BTreeMap<i64, OrderRow>,
    pub outbox: i64,
    /// The addresses in `users`, and those in Redis.
    pub users: BTreeMap<i64, String>,
    pub addresses: HashMap<i64, String>,
    pub events: Vec<Event>,
    pub dead_letters: Vec<Event>,
    /// Committed and end, for each partition.
    pub progress: Vec<(i64, i64)>,
    pub samples: Vec<Sample>,
    pub mails: Vec<Mail>,
}

/// Reads all of it.
///
/// # Errors
/// A server does not answer, though all has been healed.
pub async fn facts(world: &World, seen: &Seen, settled: Result<()>) -> Result<Facts> {
    let urls = &world.urls;
    let users = users(urls).await.context("usersdb cannot be read")?;
    let (orders, outbox) = orders(urls).await.context("ordersdb cannot be read")?;
    let (events, dead_letters, progress) = kafka(urls.kafka.clone()).await.context("Kafka cannot be read")?;
    Ok(Facts {
        settled: settled.map_err(|error| format!("{error:#}")),
        wrongs: world.chronicle.wrongs(),
        spans: world.chronicle.spans(),
        entries: seen.shop.journal.entries(),
        addresses: addresses(urls, users.keys()).await.context("Redis cannot be read")?,
        mails: seen.mails.all().context("mails came faster than they were looked at")?,
        samples: seen.samples.all(),
        orders,
        outbox,
        users,
        events,
        dead_letters,
        progress,
    })
}

type Orders = BTreeMap<i64, OrderRow>;

async fn orders(urls: &Urls) -> Result<(Orders, i64)> {
    let mut connection = connect(urls, "ordersdb").await?;
    let select = "select id, user_id, items, total_amount::text from orders";
    let rows: Vec<(i64, i64, Vec<String>, String)> = sqlx::query_as(select).fetch_all(&mut connection).await?;
    let left = sqlx::query_scalar("select count(*) from componentd_host.outbox").fetch_one(&mut connection).await?;
    let row = |(id, user_id, items, total)| (id, OrderRow { user_id, items, total });
    Ok((rows.into_iter().map(row).collect(), left))
}

async fn users(urls: &Urls) -> Result<BTreeMap<i64, String>> {
    let mut connection = connect(urls, "usersdb").await?;
    let rows: Vec<(i64, String)> = sqlx::query_as("select id, email from users").fetch_all(&mut connection).await?;
    Ok(rows.into_iter().collect())
}

async fn connect(urls: &Urls, database: &str) -> Result<PgConnection> {
    let (server, _) = urls.postgres.rsplit_once('/').context("the URL of Postgres names a database")?;
    Ok(PgConnection::connect(&format!("{server}/{database}")).await?)
}

async fn addresses(urls: &Urls, users: impl Iterator<Item = &i64>) -> Result<HashMap<i64, String>> {
    let mut redis = redis::Client::open(urls.redis.as_str())?.get_multiplexed_async_connection().await?;
    let mut found = HashMap::new();
    for user in users {
        let mut get = redis::cmd("GET");
        let address: Option<String> = get.arg(format!("user:{user}:email")).query_async(&mut redis).await?;
        found.extend(address.map(|address| (*user, address)));
    }
    Ok(found)
}

type Topics = (Vec<Event>, Vec<Event>, Vec<(i64, i64)>);

async fn kafka(brokers: String) -> Result<Topics> {
    let read = move || -> Result<Topics> {
        let events = topic::read(&brokers, TOPIC)?;
        Ok((events, topic::read(&brokers, DEAD_LETTERS)?, topic::progress(&brokers, TOPIC, GROUP)?))
    };
    tokio::task::spawn_blocking(read).await?
}
