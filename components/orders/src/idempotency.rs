//! One order per `Idempotency-Key`, also where the same request comes twice at once.

use componentd_sdk::http::Problem;
use componentd_sdk::postgres::{self, Transaction, Value};

use crate::order::NewOrder;

/// A key is forgotten after a day, as clients know it from payment services. The claim waits for a transaction that has
/// the same key in hand, and then sees what that one has kept.
const FORGET: &str = "delete from idempotency_keys where created_at < now() - interval '1 day'";
const CLAIM: &str = "insert into idempotency_keys (key, request) values ($1, $2) on conflict (key) do nothing";
const KEEP: &str = "update idempotency_keys set order_id = $2 where key = $1";
const FIND: &str = "select request, order_id from idempotency_keys where key = $1";

/// What is known of a key.
pub(crate) enum Claim {
    /// Nothing until now: this transaction has it, and is to [`keep`] the order.
    New,
    /// The same request was answered with this order.
    Repeated(i64),
}

/// Claims the key for this order, in the order's own transaction.
///
/// # Errors
/// 422 where the key was used for another order.
pub(crate) fn claim(transaction: &Transaction, key: &str, order: &NewOrder) -> Result<Claim, Problem> {
    let request = serde_json::to_string(order).map_err(Problem::internal)?;
    transaction.execute(FORGET, &[])?;
    let claimed = transaction.execute(CLAIM, &[Value::Text(key.to_owned()), Value::Text(request.clone())])?;
    if claimed == 1 {
        return Ok(Claim::New);
    }
    match transaction.query(FIND, &[Value::Text(key.to_owned())])?.into_only_row()? {
        [Value::Text(first), Value::Int8(order_id)] if first == request => Ok(Claim::Repeated(order_id)),
        [Value::Text(_), Value::Int8(_)] => Err(Problem::key_reused()),
        row => Err(postgres::unexpected_row(&row)),
    }
}

/// Keeps the order under the key that this transaction has claimed.
pub(crate) fn keep(transaction: &Transaction, key: &str, order_id: i64) -> Result<(), Problem> {
    transaction.execute(KEEP, &[Value::Text(key.to_owned()), Value::Int8(order_id)])?;
    Ok(())
}
