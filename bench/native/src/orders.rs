//! Orders: `POST /order` keeps an order in Postgres and publishes an event to the topic `orders` with it.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use http::{Method, StatusCode};
use serde::Serialize;
use sqlx::{PgConnection, PgPool};
use tokio::sync::Notify;

use crate::http::{Request, Service, json, serve};
use crate::order::{Kept, NewOrder, OrderCreated};
use crate::outbox::{self, Relay};
use crate::problem::Problem;
use crate::response::Response;
use crate::{columns::Cents, database};

const INSERT: &str = "insert into orders (user_id, items, total_amount) values ($1, $2, $3) \
                      returning id, total_amount, status, created_at";
const FORGET: &str = "delete from idempotency_keys where created_at < now() - interval '1 day'";
const CLAIM: &str = "insert into idempotency_keys (key, request) values ($1, $2) on conflict (key) do nothing";
const KEEP: &str = "update idempotency_keys set order_id = $2 where key = $1";
const FIND: &str = "select request, order_id from idempotency_keys where key = $1";

#[derive(clap::Args)]
pub struct Settings {
    #[arg(long, value_name = "IP:PORT")]
    listen: SocketAddr,
    #[command(flatten)]
    database: database::DatabaseSettings,
    #[arg(long, env = "KAFKA_BROKERS")]
    brokers: String,
}

struct Orders {
    database: PgPool,
    committed: Arc<Notify>,
}

#[derive(Serialize)]
struct Created {
    order_id: i64,
    status: &'static str,
}

pub async fn run(settings: Settings) -> Result<()> {
    let database = database::open(&settings.database).await?;
    outbox::create(&database).await?;
    let committed = Arc::new(Notify::new());
    tokio::spawn(Relay::new(&settings.brokers, &database, committed.clone())?.run());
    serve(settings.listen, Orders { database, committed }).await
}

impl Service for Orders {
    async fn answer(&self, request: Request) -> Result<Response, Problem> {
        match request.path() {
            "/order" => {
                request.only(&Method::POST, "POST")?;
                self.create(request).await
            }
            _ => Err(Problem::unknown_path()),
        }
    }
}

impl Orders {
    async fn create(&self, request: Request) -> Result<Response, Problem> {
        let key = request.idempotency_key()?;
        let mut order: NewOrder = request.json()?;
        let amount = order.check()?;
        let order_id = self.place(order, amount, key).await?;
        json(StatusCode::CREATED, &Created { order_id, status: "pending" })
    }

    /// The order, its event and its key are one transaction: all of them are there, or none.
    async fn place(&self, order: NewOrder, amount: Cents, key: Option<&str>) -> Result<i64, Problem> {
        let mut transaction = self.database.begin().await?;
        if let Some(key) = key
            && let Some(order_id) = claim(&mut transaction, key, &order).await?
        {
            return Ok(order_id);
        }
        let insert = sqlx::query_as::<_, Kept>(INSERT).bind(order.user_id).bind(&order.items).bind(amount);
        let kept = insert.fetch_one(&mut *transaction).await?;
        let event = OrderCreated::new(order, kept);
        publish(&mut transaction, &event).await?;
        if let Some(key) = key {
            sqlx::query(KEEP).bind(key).bind(event.order_id).execute(&mut *transaction).await?;
        }
        let committed = transaction.commit().await;
        self.committed.notify_one();
        committed?;
        Ok(event.order_id)
    }
}

/// Claims the key for this order, or gives the order that it was used for.
async fn claim(connection: &mut PgConnection, key: &str, order: &NewOrder) -> Result<Option<i64>, Problem> {
    let request = serde_json::to_string(order).map_err(Problem::internal)?;
    sqlx::query(FORGET).execute(&mut *connection).await?;
    let claimed = sqlx::query(CLAIM).bind(key).bind(&request).execute(&mut *connection).await?;
    if claimed.rows_affected() == 1 {
        return Ok(None);
    }
    let (first, order_id): (String, i64) = sqlx::query_as(FIND).bind(key).fetch_one(connection).await?;
    if first == request { Ok(Some(order_id)) } else { Err(Problem::key_reused()) }
}

/// The order's id is the key, so that all that is ever told of one order stays in order.
async fn publish(connection: &mut PgConnection, event: &OrderCreated) -> Result<(), Problem> {
    let payload = serde_json::to_vec(event).map_err(Problem::internal)?;
    outbox::insert(connection, "orders", &event.order_id.to_string(), &event.event_id.to_string(), payload).await?;
    Ok(())
}
