//! One order per `Idempotency-Key`: the order that a key first asked for is the one that every repetition asks for.

use componentd_sdk::http::Problem;
use componentd_sdk::postgres::{self, Database, Value};

use crate::checkout::Cart;

/// A key is forgotten after a day, here as in `orders`.
const FORGET: &str = "delete from checkouts where created_at < now() - interval '1 day'";
const KEEP: &str = "insert into checkouts (key, cart, order_asked) values ($1, $2, $3) on conflict (key) do nothing";
const FIND: &str = "select cart, order_asked from checkouts where key = $1";

/// The order that this key first asked for.
///
/// # Errors
/// 422 where that was for another cart.
pub(crate) fn first_order(key: &str, cart: &Cart) -> Result<Option<Vec<u8>>, Problem> {
    let mut found = Database::open("store")?.query(FIND, &[Value::Text(key.to_owned())])?.rows;
    let Some(row) = found.pop() else { return Ok(None) };
    match row.as_slice() {
        [Value::Text(first), Value::Text(order)] if *first == text(cart)? => Ok(Some(order.clone().into_bytes())),
        [Value::Text(_), Value::Text(_)] => Err(Problem::key_reused()),
        _ => Err(postgres::unexpected_row(&row)),
    }
}

/// Keeps the order of a key; of two checkouts at once, the first to come here.
pub(crate) fn keep(key: &str, cart: &Cart, order: &[u8]) -> Result<(), Problem> {
    let database = Database::open("store")?;
    database.execute(FORGET, &[])?;
    let order = String::from_utf8_lossy(order).into_owned();
    database.execute(KEEP, &[Value::Text(key.to_owned()), Value::Text(text(cart)?), Value::Text(order)])?;
    Ok(())
}

fn text(cart: &Cart) -> Result<String, Problem> {
    serde_json::to_string(cart).map_err(Problem::internal)
}
