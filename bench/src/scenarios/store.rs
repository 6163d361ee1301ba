//! The store's requests: what a host costs beside a database's work.

use anyhow::Result;

use super::throughput;
use crate::candidate::Candidate;
use crate::load::{Body, Load};
use crate::saturate::{CONNECTIONS, saturate};
use crate::sheet::{Sheet, Target};
use crate::store::{self, Service};
use crate::world::{World, turn};
use crate::wrk::Wrk;

/// One of the store's requests.
pub(super) struct Case {
    pub(super) name: &'static str,
    about: &'static str,
    service: Service,
    load: Load,
    connections: usize,
    /// What is aimed at with a reused instance, and with a fresh one: in the mode of the shipped manifest at least.
    reuse: Option<f64>,
    fresh: Option<f64>,
}

pub(super) const PRODUCTS: Load = Load { path: "/products", body: Body::None, status: 200, answer: "\"Apple\"" };
pub(super) const PRODUCT: Load = Load { path: "/products/1", body: Body::None, status: 200, answer: "\"1.99\"" };
const ORDER: &str = r#"{"user_id": 1, "items": ["apple", "banana"], "total_amount": "12.99"}"#;
const CHECKOUT: &str = r#"{"user_id": 1, "items": [1, 2]}"#;

/// A hash takes a core for tens of milliseconds: more at a time would only wait for each other.
const HASHES: usize = 8;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "products",
        about: "requests a second of GET /products: one query",
        service: "store",
        load: PRODUCTS,
        connections: CONNECTIONS,
        reuse: Some(0.90),
        fresh: Some(0.75),
    },
    Case {
        name: "product",
        about: "requests a second of GET /products/1: one query",
        service: "store",
        load: PRODUCT,
        connections: CONNECTIONS,
        reuse: Some(0.90),
        fresh: Some(0.75),
    },
    Case {
        name: "order",
        about: "requests a second of POST /order: a transaction with two rows, and an event",
        service: "orders",
        load: Load { path: "/order", body: Body::Fixed(ORDER), status: 201, answer: "\"pending\"" },
        connections: CONNECTIONS,
        reuse: Some(0.90),
        fresh: None,
    },
    Case {
        name: "checkout",
        about: "requests a second of POST /checkout: a query, and an order of another service",
        service: "store",
        load: Load { path: "/checkout", body: Body::Fixed(CHECKOUT), status: 201, answer: "\"pending\"" },
        connections: CONNECTIONS,
        reuse: Some(1.0),
        fresh: None,
    },
    Case {
        name: "signup",
        about: "requests a second of POST /signup: an Argon2id hash, a row, a key in Redis",
        service: "users",
        load: Load { path: "/signup", body: Body::Signup, status: 201, answer: "\"user_id\"" },
        connections: HASHES,
        reuse: None,
        fresh: Some(0.60),
    },
];

pub(super) async fn run(world: &World, case: &Case) -> Result<Sheet> {
    let mut sheet = world.sheet(case.name, case.about);
    for candidate in world.turns(&Candidate::STORE) {
        turn(candidate.name());
        world.backends().await?.empty().await?;
        let site = store::site(world, candidate, case.service).await?;
        let wrk = Wrk::new(case.connections, world.options.seconds());
        saturate(world, &site, &case.load, &wrk).await?.note(&mut sheet, throughput(case.name, candidate));
        site.stop().await;
    }
    let goals = [(Candidate::Reuse, "reused instance", case.reuse), (Candidate::Fresh, "fresh instance", case.fresh)];
    for (candidate, how, goal) in goals {
        let ratios = sheet.ratios(&throughput(case.name, candidate), &throughput(case.name, Candidate::Native))?;
        sheet.find(&format!("{}, {how}", case.name), "native", "", ratios, goal.map(Target::AtLeast));
    }
    Ok(sheet)
}
