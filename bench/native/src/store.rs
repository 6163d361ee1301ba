//! The store: `GET /products` and `GET /products/{id}` show what is for sale; `POST /checkout` places an order.

mod catalogue;
mod checkout;

use std::net::SocketAddr;

use anyhow::{Context, Result};
use http::{Method, StatusCode, Uri};
use sqlx::PgPool;

use crate::client::Client;
use crate::database;
use crate::http::{Request, Service, json, serve};
use crate::problem::Problem;
use crate::response::Response;

#[derive(clap::Args)]
pub struct Settings {
    #[arg(long, value_name = "IP:PORT")]
    listen: SocketAddr,
    #[command(flatten)]
    database: database::DatabaseSettings,
    /// Where `orders` is, as in `http://127.0.0.1:8082`.
    #[arg(long, env = "ORDERS_URL")]
    orders_url: String,
}

struct Store {
    database: PgPool,
    client: Client,
    order_url: Uri,
}

pub async fn run(settings: Settings) -> Result<()> {
    let order_url = format!("{}/order", settings.orders_url.trim_end_matches('/'));
    let order_url = order_url.parse().context("--orders-url is no URL")?;
    let database = database::open(&settings.database).await?;
    serve(settings.listen, Store { database, client: Client::new(), order_url }).await
}

impl Service for Store {
    async fn answer(&self, request: Request) -> Result<Response, Problem> {
        match request.path() {
            "/products" => {
                request.only(&Method::GET, "GET")?;
                json(StatusCode::OK, &catalogue::all(&self.database).await?)
            }
            "/checkout" => {
                request.only(&Method::POST, "POST")?;
                self.check_out(&request).await
            }
            path => match path.strip_prefix("/products/") {
                Some(id) if !id.is_empty() && !id.contains('/') => {
                    request.only(&Method::GET, "GET")?;
                    json(StatusCode::OK, &catalogue::one(&self.database, catalogue::parse_id(id)?).await?)
                }
                _ => Err(Problem::unknown_path()),
            },
        }
    }
}
