//! From ids of products to an order.

use std::collections::BTreeMap;

use componentd_sdk::http::Problem;
use serde::{Deserialize, Serialize};

use crate::catalogue::Product;
use crate::money::Cents;

const MAX_ITEMS: usize = 100;

/// What a customer wants to buy. An id that is listed twice counts twice.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Cart {
    user_id: i64,
    pub(crate) items: Vec<i64>,
}

/// What the `orders` service is asked for.
#[derive(Debug, Serialize)]
pub(crate) struct Order<'a> {
    user_id: i64,
    items: Vec<&'a str>,
    total_amount: Cents,
}

impl Cart {
    pub(crate) fn check(&self) -> Result<(), Problem> {
        if self.user_id < 1 {
            return Err(Problem::unprocessable("user_id", "`user_id` must be a positive integer."));
        }
        if !(1..=MAX_ITEMS).contains(&self.items.len()) {
            return Err(Problem::unprocessable("items", "`items` must have 1 to 100 entries."));
        }
        Ok(())
    }

    /// The order for these items, out of the products that there are.
    pub(crate) fn order<'a>(&self, products: &'a [Product]) -> Result<Order<'a>, Problem> {
        let products = self.look_up(products)?;
        let total_amount: Cents = products.iter().map(|product| product.price).sum();
        if total_amount > Cents::MAX {
            return Err(Problem::unprocessable("items", format!("An order may cost at most {}.", Cents::MAX)));
        }
        let items = products.iter().map(|product| product.name.as_str()).collect();
        Ok(Order { user_id: self.user_id, items, total_amount })
    }

    fn look_up<'a>(&self, products: &'a [Product]) -> Result<Vec<&'a Product>, Problem> {
        let by_id: BTreeMap<i64, &Product> = products.iter().map(|product| (product.id, product)).collect();
        let found: Option<Vec<_>> = self.items.iter().map(|id| by_id.get(id).copied()).collect();
        found.ok_or_else(|| self.unknown_items(&by_id))
    }

    fn unknown_items(&self, known: &BTreeMap<i64, &Product>) -> Problem {
        let mut ids: Vec<i64> = self.items.iter().copied().filter(|id| !known.contains_key(id)).collect();
        ids.sort_unstable();
        ids.dedup();
        let detail = format!("There is no product with these ids: {ids:?}.");
        Problem::unprocessable("items", detail).member("ids", ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn products() -> [Product; 2] {
        let product =
            |id, name: &str, price| Product { id, name: name.to_owned(), price: Cents::parse(price).unwrap() };
        [product(2, "Banana", "0.99"), product(1, "Apple", "1.99")]
    }

    fn cart(items: &[i64]) -> Cart {
        Cart { user_id: 42, items: items.to_vec() }
    }

    #[test]
    fn an_id_listed_twice_counts_twice() {
        let products = products();
        let order = cart(&[1, 2, 1]).order(&products).unwrap();
        let expected = r#"{"user_id":42,"items":["Apple","Banana","Apple"],"total_amount":"4.97"}"#;
        assert_eq!(serde_json::to_string(&order).unwrap(), expected);
    }

    #[test]
    fn unknown_ids_are_named_once_each() {
        let response = cart(&[9, 1, -3, 9]).order(&products()).unwrap_err().into_response();
        let document: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!((response.status, &document["field"]), (422, &"items".into()));
        assert_eq!(document["ids"], serde_json::json!([-3, 9]));
    }

    #[test]
    fn a_total_that_orders_would_refuse_is_refused_here() {
        let product = Product { id: 1, name: "Yacht".to_owned(), price: Cents::MAX };
        assert!(cart(&[1]).order(std::slice::from_ref(&product)).is_ok());
        assert_eq!(cart(&[1, 1]).order(&[product]).unwrap_err().status(), 422);
    }

    #[test]
    fn the_number_of_items_is_limited() {
        assert!(cart(&[1; 100]).check().is_ok());
        assert_eq!(cart(&[]).check().unwrap_err().status(), 422);
        assert_eq!(cart(&[1; 101]).check().unwrap_err().status(), 422);
        assert_eq!(Cart { user_id: 0, items: vec![1] }.check().unwrap_err().status(), 422);
    }
}
