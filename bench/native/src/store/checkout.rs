//! From ids of products to an order, placed with `orders`: one for each `Idempotency-Key`.

use std::collections::HashMap;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request as HttpRequest, StatusCode};
use http_body_util::Full;
use serde::{Deserialize, Serialize};

use super::Store;
use super::catalogue::{self, Product};
use crate::client::SendError;
use crate::columns::Cents;
use crate::http::{Request, json};
use crate::problem::Problem;
use crate::response::Response;

const FORGET: &str = "delete from checkouts where created_at < now() - interval '1 day'";
const KEEP: &str = "insert into checkouts (key, cart, order_asked) values ($1, $2, $3) on conflict (key) do nothing";
const FIND: &str = "select cart, order_asked from checkouts where key = $1";

/// What a customer wants to buy. An id that is listed twice counts twice.
#[derive(Deserialize, Serialize)]
struct Cart {
    user_id: i64,
    items: Vec<i64>,
}

#[derive(Serialize)]
struct Order<'a> {
    user_id: i64,
    items: Vec<&'a str>,
    total_amount: Cents,
}

#[derive(Deserialize, Serialize)]
struct Placed {
    order_id: i64,
    status: String,
}

impl Store {
    pub(super) async fn check_out(&self, request: &Request) -> Result<Response, Problem> {
        let key = request.idempotency_key()?;
        let cart: Cart = request.json()?;
        cart.check()?;
        let order = match key {
            None => self.order_of(&cart).await?,
            Some(key) => self.order_under(key, &cart).await?,
        };
        json(StatusCode::CREATED, &self.place(order, key).await?)
    }

    /// The order for a cart at the prices of now, as `orders` reads it.
    async fn order_of(&self, cart: &Cart) -> Result<String, Problem> {
        let products = catalogue::some(&self.database, &cart.items).await?;
        text(&cart.order(&products)?)
    }

    /// The order that this key first asked for, which may be this one.
    async fn order_under(&self, key: &str, cart: &Cart) -> Result<String, Problem> {
        let cart_text = text(cart)?;
        if let Some(order) = self.first_order(key, &cart_text).await? {
            return Ok(order);
        }
        let order = self.order_of(cart).await?;
        sqlx::query(FORGET).execute(&self.database).await?;
        sqlx::query(KEEP).bind(key).bind(&cart_text).bind(&order).execute(&self.database).await?;
        // Another checkout may have been first meanwhile.
        Ok(self.first_order(key, &cart_text).await?.unwrap_or(order))
    }

    async fn first_order(&self, key: &str, cart: &str) -> Result<Option<String>, Problem> {
        match sqlx::query_as::<_, (String, String)>(FIND).bind(key).fetch_optional(&self.database).await? {
            Some((first, order)) if first == cart => Ok(Some(order)),
            Some(_) => Err(Problem::key_reused()),
            None => Ok(None),
        }
    }

    async fn place(&self, order: String, key: Option<&str>) -> Result<Placed, Problem> {
        let mut request = HttpRequest::post(self.order_url.clone()).header(CONTENT_TYPE, "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Full::new(Bytes::from(order))).map_err(Problem::internal)?;
        let (status, body) = self.client.send(request).await.map_err(|error| match error {
            SendError::Timeout => Problem::gateway_timeout("orders gave no answer in time"),
            SendError::Failed(cause) => Problem::bad_gateway(cause),
        })?;
        // The only rule that an order from here can break: its key is another order's.
        if status == StatusCode::UNPROCESSABLE_ENTITY && key.is_some() {
            return Err(Problem::key_reused());
        }
        match (status, serde_json::from_slice(&body)) {
            (StatusCode::CREATED, Ok(placed)) => Ok(placed),
            _ => Err(Problem::bad_gateway(format!("orders answered {status}: {}", String::from_utf8_lossy(&body)))),
        }
    }
}

impl Cart {
    fn check(&self) -> Result<(), Problem> {
        if self.user_id < 1 {
            return Err(Problem::unprocessable("user_id", "`user_id` must be a positive integer."));
        }
        if !(1..=100).contains(&self.items.len()) {
            return Err(Problem::unprocessable("items", "`items` must have 1 to 100 entries."));
        }
        Ok(())
    }

    fn order<'a>(&self, products: &'a [Product]) -> Result<Order<'a>, Problem> {
        let by_id: HashMap<i64, &Product> = products.iter().map(|product| (product.id, product)).collect();
        let found: Option<Vec<_>> = self.items.iter().map(|id| by_id.get(id).copied()).collect();
        let products = found.ok_or_else(|| self.unknown_items(&by_id))?;
        let total_amount: Cents = products.iter().map(|product| product.price).sum();
        if total_amount > Cents::MAX {
            return Err(Problem::unprocessable("items", format!("An order may cost at most {}.", Cents::MAX)));
        }
        let items = products.iter().map(|product| product.name.as_str()).collect();
        Ok(Order { user_id: self.user_id, items, total_amount })
    }

    fn unknown_items(&self, known: &HashMap<i64, &Product>) -> Problem {
        let mut ids: Vec<i64> = self.items.iter().copied().filter(|id| !known.contains_key(id)).collect();
        ids.sort_unstable();
        ids.dedup();
        let detail = format!("There is no product with these ids: {ids:?}.");
        Problem::unprocessable("items", detail).member("ids", ids)
    }
}

fn text(value: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(Problem::internal)
}
