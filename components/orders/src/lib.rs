//! Takes orders and announces them.
//!
//! `POST /order` keeps an order in Postgres and publishes an event to the topic `orders` with it.

mod amount;
mod event;
mod idempotency;
mod order;

use componentd_sdk::export_http;
use componentd_sdk::http::{Problem, Request, Response, Route};
use componentd_sdk::postgres::{self, Database, Transaction, TransactionOptions, Value};
use serde::Serialize;

use crate::event::OrderCreated;
use crate::idempotency::Claim;
use crate::order::NewOrder;

const ROUTES: &[Route] = &[Route::post("/order", create)];

export_http!(ROUTES);

const INSERT: &str = "insert into orders (user_id, items, total_amount) values ($1, $2, $3) \
                      returning id, total_amount, status, created_at";

#[derive(Serialize)]
struct Created {
    order_id: i64,
    /// What every order begins with, so a repeated request is answered as the first was.
    status: &'static str,
}

fn create(request: &Request) -> Result<Response, Problem> {
    let key = request.idempotency_key()?;
    let order: NewOrder = request.json()?;
    let order_id = place(order.check()?, key)?;
    Response::json(201, &Created { order_id, status: "pending" })
}

/// The order, its event and its key are one transaction: all of them are there, or none.
fn place(order: NewOrder, key: Option<&str>) -> Result<i64, Problem> {
    let transaction = Database::open("orders")?.begin(TransactionOptions::read_write())?;
    if let Some(key) = key
        && let Claim::Repeated(order_id) = idempotency::claim(&transaction, key, &order)?
    {
        return Ok(order_id);
    }
    let event = insert(&transaction, order)?;
    transaction.publish(&event.record()?)?;
    if let Some(key) = key {
        idempotency::keep(&transaction, key, event.order_id)?;
    }
    Transaction::commit(transaction)?;
    Ok(event.order_id)
}

/// The event tells what the database keeps, so what it says of the row comes from there.
fn insert(transaction: &Transaction, order: NewOrder) -> Result<OrderCreated, Problem> {
    match transaction.query(INSERT, &parameters(&order))?.into_only_row()? {
        [Value::Int8(order_id), Value::Numeric(total_amount), Value::Text(status), Value::Timestamptz(created_at)] => {
            Ok(OrderCreated::new(order, order_id, total_amount, status, created_at))
        }
        row => Err(postgres::unexpected_row(&row)),
    }
}

fn parameters(order: &NewOrder) -> [Value; 3] {
    [
        Value::Int8(order.user_id),
        Value::TextArray(order.items.iter().cloned().map(Some).collect()),
        Value::Numeric(order.total_amount.clone()),
    ]
}
