//! Customers: each wants one thing after the other, and tries again as a good client does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use fastrand::Rng;
use serde_json::Value;

use crate::intent::{Intent, User, Wish};
use crate::journal::{Entry, Journal, Outcome};
use crate::world::World;

/// Between two wishes of a customer, in milliseconds.
const THINK: std::ops::Range<u64> = 150..750;
/// More than any service may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// What an impatient customer waits, in milliseconds, before it hangs up.
const IMPATIENCE: std::ops::Range<u64> = 5..250;
/// Attempts of one intent, and the first pause between two; it doubles.
const TRIES: usize = 10;
const BACKOFF: Duration = Duration::from_millis(250);
const MAX_BACKOFF: Duration = Duration::from_secs(4);

/// What customers share.
#[derive(Debug, Default)]
pub struct Shop {
    pub journal: Journal,
    users: Mutex<Vec<User>>,
    closed: AtomicBool,
}

impl Shop {
    /// Lets customers end with what they are at.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn welcome(&self, user: User) {
        self.users.lock().unwrap_or_else(PoisonError::into_inner).push(user);
    }

    fn any_user(&self, rng: &mut Rng) -> Option<User> {
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        rng.choice(users.iter()).cloned()
    }
}

/// One of them.
pub struct Customer<'a> {
    world: &'a World,
    shop: &'a Shop,
    rng: Rng,
    id: u32,
    count: u32,
}

impl<'a> Customer<'a> {
    /// The customer with this number.
    pub fn new(world: &'a World, shop: &'a Shop, seed: u64, id: u32) -> Self {
        Self { world, shop, rng: Rng::with_seed(seed ^ (u64::from(id) << 32)), id, count: 0 }
    }

    /// Wants things until the shop closes.
    pub async fn run(mut self) {
        while !self.shop.is_closed() {
            let think = self.millis(THINK);
            tokio::time::sleep(think).await;
            let intent = self.wish();
            self.pursue(intent).await;
        }
    }

    /// Fills the shop with users, before anything goes wrong.
    ///
    /// # Errors
    /// A sign-up is refused.
    pub async fn sign_up(&mut self, users: usize) -> Result<()> {
        for _ in 0..users {
            let intent = self.intent(Wish::SignUp, None);
            self.must(intent).await?;
        }
        Ok(())
    }

    /// One of each, when all is well again: each succeeds at once.
    ///
    /// # Errors
    /// One does not.
    pub async fn probe(&mut self) -> Result<()> {
        let Some(user) = self.shop.any_user(&mut self.rng) else { bail!("nobody has signed up") };
        for wish in [Wish::SignUp, Wish::Order(user.clone()), Wish::Checkout(user)] {
            let intent = self.intent(wish, None);
            self.must(intent).await?;
        }
        Ok(())
    }

    async fn must(&mut self, intent: Intent) -> Result<()> {
        let outcome = self.attempt(&intent, PATIENCE).await;
        self.shop.journal.keep(Entry { intent: intent.clone(), outcomes: vec![outcome.clone()] });
        match outcome {
            Outcome::Created(_) => Ok(()),
            outcome => bail!("nothing is wrong, and yet {} failed: {outcome:?}", intent.path()),
        }
    }

    fn wish(&mut self) -> Intent {
        let key = self.rng.bool().then(|| format!("{:032x}", self.rng.u128(..)));
        let Some(user) = self.shop.any_user(&mut self.rng) else { return self.intent(Wish::SignUp, None) };
        match self.rng.u32(0..100) {
            0..4 => self.intent(Wish::SignUp, None),
            4..50 => self.intent(Wish::Order(user), key),
            _ => self.intent(Wish::Checkout(user), key),
        }
    }

    fn intent(&mut self, wish: Wish, key: Option<String>) -> Intent {
        self.count += 1;
        Intent { number: Intent::number(self.id, self.count), wish, key }
    }

    async fn pursue(&mut self, intent: Intent) {
        let outcomes = match (&intent.wish, &intent.key) {
            (Wish::SignUp, _) => self.until_known(&intent, Vec::new()).await,
            (_, None) => vec![self.attempt_once(&intent).await],
            (_, Some(_)) => self.with_key(&intent).await,
        };
        self.shop.journal.keep(Entry { intent, outcomes });
    }

    /// Some ask twice at once, some ask again though they know.
    async fn with_key(&mut self, intent: &Intent) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        if self.rng.u32(0..100) < 5 {
            let (one, other) = tokio::join!(self.attempt(intent, PATIENCE), self.attempt(intent, PATIENCE));
            outcomes.extend([one, other]);
        }
        let mut outcomes = self.until_known(intent, outcomes).await;
        if self.rng.u32(0..100) < 10 {
            outcomes.push(self.attempt(intent, PATIENCE).await);
        }
        outcomes
    }

    async fn until_known(&mut self, intent: &Intent, mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
        while outcomes.last().is_none_or(Outcome::is_unknown) && outcomes.len() < TRIES {
            if let Some(tried) = u32::try_from(outcomes.len()).ok().filter(|tried| *tried > 0) {
                tokio::time::sleep((BACKOFF * 2_u32.pow(tried - 1)).min(MAX_BACKOFF)).await;
            }
            outcomes.push(self.attempt_once(intent).await);
        }
        outcomes
    }

    async fn attempt_once(&mut self, intent: &Intent) -> Outcome {
        let is_impatient = self.rng.u32(0..100) < 4;
        let patience = if is_impatient { self.millis(IMPATIENCE) } else { PATIENCE };
        self.attempt(intent, patience).await
    }

    async fn attempt(&self, intent: &Intent, patience: Duration) -> Outcome {
        let url = self.world.ports().url(intent.path());
        let reply = match self.world.http.post(&url, intent.key.as_deref(), &intent.body(), patience).await {
            Ok(reply) => reply,
            Err(cut) => return Outcome::Cut(cut),
        };
        if reply.status != 201 && !matches!(reply.status, 502..=504) {
            let text = String::from_utf8_lossy(&reply.body);
            self.world.chronicle.note(&format!("{url} answered {} ({}): {text}", reply.status, reply.request_id));
        }
        match (reply.status, self.created(intent, &reply.json())) {
            (201, Some(id)) => Outcome::Created(id),
            (201, None) => Outcome::Cut("201 without an id".to_owned()),
            (status, _) => Outcome::Refused(status),
        }
    }

    /// The id in a 201; a new user is welcome at once.
    fn created(&self, intent: &Intent, answer: &Value) -> Option<i64> {
        if intent.wish != Wish::SignUp {
            return answer["order_id"].as_i64();
        }
        let id = answer["user_id"].as_i64()?;
        self.shop.welcome(User { id, email: intent.email() });
        Some(id)
    }

    fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.rng.u64(range))
    }
}
