//! The products that are for sale.

use componentd_sdk::http::Problem;
use componentd_sdk::postgres::{self, Database, Value};
use serde::Serialize;

use crate::money::Cents;

const SELECT_ALL: &str = "select id, name, price from products order by id";
const SELECT_SOME: &str = "select id, name, price from products where id = any($1)";

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Product {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) price: Cents,
}

pub(crate) fn all() -> Result<Vec<Product>, Problem> {
    select(SELECT_ALL, &[])
}

/// Those of the ids that there are, each once, in no particular order.
pub(crate) fn some(ids: &[i64]) -> Result<Vec<Product>, Problem> {
    let ids = ids.iter().copied().map(Some).collect();
    select(SELECT_SOME, &[Value::Int8Array(ids)])
}

pub(crate) fn one(id: i64) -> Result<Product, Problem> {
    some(&[id])?.pop().ok_or_else(unknown)
}

/// The id in a path. An integer that no id can be is that of an unknown product.
pub(crate) fn parse_id(text: &str) -> Result<i64, Problem> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::bad_request("The id of a product is an integer, as in /products/1."));
    }
    text.parse().map_err(|_| unknown())
}

fn unknown() -> Problem {
    Problem::not_found("There is no product with this id.")
}

fn select(sql: &str, parameters: &[Value]) -> Result<Vec<Product>, Problem> {
    let rows = Database::open("store")?.query(sql, parameters)?.rows;
    rows.into_iter().map(product).collect()
}

fn product(row: Vec<Value>) -> Result<Product, Problem> {
    if let [Value::Int8(id), Value::Text(name), Value::Numeric(price)] = row.as_slice()
        && let Some(price) = Cents::parse(price)
    {
        return Ok(Product { id: *id, name: name.clone(), price });
    }
    Err(postgres::unexpected_row(&row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_an_integer() {
        assert_eq!(parse_id("1").unwrap(), 1);
        assert_eq!(parse_id("-1").unwrap(), -1);
        assert_eq!(parse_id("9223372036854775808").unwrap_err().status(), 404);
        for text in ["", "-", "one", "1.0", "+1", "1 ", "0x1", "١"] {
            assert_eq!(parse_id(text).unwrap_err().status(), 400, "{text:?}");
        }
    }

    #[test]
    fn a_row_becomes_a_product() {
        let row = vec![Value::Int8(1), Value::Text("Apple".to_owned()), Value::Numeric("1.99".to_owned())];
        let json = serde_json::to_string(&product(row).unwrap()).unwrap();
        assert_eq!(json, r#"{"id":1,"name":"Apple","price":"1.99"}"#);
        assert_eq!(product(vec![Value::Int8(1)]).unwrap_err().status(), 500);
    }
}
