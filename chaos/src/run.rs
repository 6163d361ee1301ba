//! One run: start, load and faults, heal, settle, account.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use fastrand::Rng;
use futures_util::future::join_all;
use tokio::sync::Mutex;

use crate::account;
use crate::fault::Deck;
use crate::inject::{self, must_answer};
use crate::ledger::Ledger;
use crate::load::{Customer, Shop};
use crate::options::Options;
use crate::quota::Quotas;
use crate::seen::Seen;
use crate::settle::settle;
use crate::stage::root;
use crate::watch;
use crate::world::World;

/// Who is there from the start.
const USERS: usize = 6;
/// Faults at the same time.
const INJECTORS: u64 = 2;
/// The first start compiles the components, all in debug builds.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// The load goes on for so long after the last fault.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// Makes a run and its ledger, which is also left beside the logs.
///
/// # Errors
/// The run cannot be made: what is lost in it is no error.
pub fn run(options: &Options, quotas: Quotas) -> Result<Ledger> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let out = folder(options)?;
    eprintln!("chaos: seed {}, {} minutes; logs in {}", options.seed, options.minutes, out.display());
    let ledger = runtime.block_on(make(options, &quotas, &out))?;
    std::fs::write(out.join("ledger.txt"), ledger.to_string())?;
    Ok(ledger)
}

fn folder(options: &Options) -> Result<PathBuf> {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let name = format!("target/chaos/{time}-seed-{}", options.seed);
    let folder = options.out.clone().unwrap_or_else(|| root().join(name));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder.canonicalize()?)
}

async fn make(options: &Options, quotas: &Quotas, out: &Path) -> Result<Ledger> {
    let world = World::start(options, quotas, out).await?;
    let (seen, began) = (Seen::default(), Instant::now());
    let settled = tokio::select! {
        settled = busy(options, &world, &seen) => settled?,
        failed = watch::run(&world, &seen) => return Err(failed),
    };
    world.logs.keep_all();
    seen.mails.look(&world.mailbox);
    let facts = account::facts(&world, &seen, settled).await?;
    Ok(account::judge(&facts, options, began.elapsed(), out))
}

/// The run itself: whether it came to rest.
async fn busy(options: &Options, world: &World, seen: &Seen) -> Result<Result<()>> {
    {
        let mut host = world.host.lock().await;
        must_answer(world, &mut host).await;
        if !host.answers(&world.http, "/readyz", READY_WITHIN).await {
            bail!("the host does not become ready; its log is {}.log", host.name);
        }
    }
    let mut first = Customer::new(world, &seen.shop, options.seed, 0);
    first.sign_up(USERS).await?;
    let customers = (1..=options.customers).map(|id| Customer::new(world, &seen.shop, options.seed, id).run());
    let (faults, _) = tokio::join!(faults(options, world, &seen.shop), join_all(customers));
    faults?;
    let settled = come_to_rest(world, seen, &mut first).await;
    inject::stop(world, &mut *world.host.lock().await).await;
    Ok(settled)
}

/// The last orders are placed when all is well: nothing may have been broken for good.
async fn come_to_rest(world: &World, seen: &Seen, first: &mut Customer<'_>) -> Result<()> {
    world.chronicle.note("the last fault is over: settling");
    settle(world, &seen.mails).await?;
    first.probe().await?;
    settle(world, &seen.mails).await?;
    world.chronicle.note("settled");
    Ok(())
}

async fn faults(options: &Options, world: &World, shop: &Shop) -> Result<()> {
    let deck = Mutex::new(Deck::new(options.seed, |fault| world.allows(fault) && options.wants(fault)));
    let deadline = Instant::now() + options.duration();
    let injector = |id| inject::run(world, &deck, Rng::with_seed(options.seed.wrapping_add(id)), deadline);
    let injected = join_all((1..=INJECTORS).map(injector)).await;
    tokio::time::sleep(AFTERWARDS).await;
    shop.close();
    injected.into_iter().collect()
}
