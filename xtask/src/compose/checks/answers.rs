//! What clients and operators are answered.

use anyhow::{Result, ensure};

use super::expect;
use crate::compose::clone::Clone;
use crate::compose::curl::{get, get_with_token, post};
use crate::compose::documented::Documented;
use crate::compose::store::{Port, Store};

/// Of compose/componentd.env.example.
const TOKEN: &str = "componentd";
const CUSTOMER: &str = r#"{"email": "john@example.com", "password": "correct horse"}"#;
const ORDER: &str = r#"{"user_id": 1, "items": ["apple"], "total_amount": "12.99"}"#;

/// The very next request is answered.
pub fn up_waits_until_ready(store: &Store, _: &Clone) -> Result<()> {
    store.up()?;
    store.componentd(&["ready"])?;
    // The client has it on either of its outputs.
    let log = store.command(Documented::Logs.arguments()).output()?;
    expect(r#""message":"ready""#, &String::from_utf8_lossy(&[log.stdout, log.stderr].concat()))?;
    expect("200", &get(&store.url(Port::Store, "/products"))?)
}

/// Of docs/src/store.md.
pub fn requests_and_mails(store: &Store, _: &Clone) -> Result<()> {
    expect(r#""user_id":1"#, &post(&store.url(Port::Users, "/signup"), CUSTOMER)?)?;
    expect(r#""name":"Apple","price":"1.99""#, &get(&store.url(Port::Store, "/products"))?)?;
    expect(r#""name":"Apple""#, &get(&store.url(Port::Store, "/products/1"))?)?;
    let checkout = r#"{"user_id": 1, "items": [1, 2]}"#;
    expect(r#""order_id":1"#, &post(&store.url(Port::Store, "/checkout"), checkout)?)?;
    store.orders.set(1);
    // The page calls the ports that are published.
    let users = store.url(Port::Users, "");
    let port = users.rsplit(':').next().unwrap_or_default();
    expect(&format!(":{port}\""), &get(&store.url(Port::Shop, "/services.json"))?)?;
    order_and_mail(store)
}

/// The next order, and the mail about it.
pub fn order_and_mail(store: &Store) -> Result<()> {
    let answer = post(&store.url(Port::Orders, "/order"), ORDER)?;
    let id = answer.split(r#""order_id":"#).nth(1).and_then(|rest| rest.split(',').next()).unwrap_or_default();
    let number: u32 = id.parse().map_err(|_| anyhow::anyhow!("no order: {answer}"))?;
    ensure!(number > store.orders.get(), "order {number} comes after order {}", store.orders.get());
    store.orders.set(number);
    store.until_has(&format!("Your order {number}"), || get(&store.url(Port::Mailbox, "/mailbox")))
}

/// An account that was made before.
pub fn is_known(store: &Store) -> Result<()> {
    expect("409", &post(&store.url(Port::Users, "/signup"), CUSTOMER)?)
}

/// As compose/notifications.env says, which was written before the start.
pub fn own_settings(store: &Store, _: &Clone) -> Result<()> {
    expect(r#""from":"shop@example.com""#, &get(&store.url(Port::Mailbox, "/mailbox"))?)
}

/// For those on this machine who know it.
pub fn admin_port(store: &Store, _: &Clone) -> Result<()> {
    let published = store.compose(["port", "componentd", "8080"])?;
    ensure!(published.starts_with("127.0.0.1:"), "the admin port is published at {published}");
    let services = store.url(Port::Admin, "/services");
    expect("401", &get(&services)?)?;
    expect(r#""name":"notifications""#, &get_with_token(&services, TOKEN)?)?;
    expect("store", &store.compose(Documented::Status.arguments())?)
}
