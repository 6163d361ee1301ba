//! The products that are for sale.

use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use sqlx::{PgPool, Row};

use crate::columns::Cents;
use crate::problem::Problem;

const SELECT_ALL: &str = "select id, name, price from products order by id";
const SELECT_SOME: &str = "select id, name, price from products where id = any($1)";

#[derive(Serialize)]
pub struct Product {
    pub id: i64,
    pub name: String,
    pub price: Cents,
}

/// sqlx derives this only with its macros, which nothing else here needs.
impl sqlx::FromRow<'_, sqlx::postgres::PgRow> for Product {
    fn from_row(row: &sqlx::postgres::PgRow) -> sqlx::Result<Self> {
        Ok(Self { id: row.try_get(0)?, name: row.try_get(1)?, price: row.try_get(2)? })
    }
}

pub async fn all(database: &PgPool) -> Result<Vec<Product>, Problem> {
    Ok(sqlx::query_as(SELECT_ALL).fetch_all(database).await?)
}

/// Those of the ids that there are, each once, in no particular order.
pub async fn some(database: &PgPool, ids: &[i64]) -> Result<Vec<Product>, Problem> {
    Ok(sqlx::query_as(SELECT_SOME).bind(ids).fetch_all(database).await?)
}

pub async fn one(database: &PgPool, id: i64) -> Result<Product, Problem> {
    some(database, &[id]).await?.pop().ok_or_else(unknown)
}

/// The id in a path. An integer that no id can be is that of an unknown product.
pub fn parse_id(segment: &str) -> Result<i64, Problem> {
    let text = percent_decode_str(segment).decode_utf8_lossy();
    let digits = text.strip_prefix('-').unwrap_or(&text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::bad_request("The id of a product is an integer, as in /products/1."));
    }
    text.parse().map_err(|_| unknown())
}

fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "There is no product with this id.")
}
