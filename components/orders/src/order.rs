//! An order as a client sends it, and the rules for it.

use componentd_sdk::http::Problem;
use serde::{Deserialize, Serialize};

use crate::amount;

const MAX_ITEMS: usize = 100;
const MAX_ITEM_CHARACTERS: usize = 200;

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct NewOrder {
    pub(crate) user_id: i64,
    pub(crate) items: Vec<String>,
    /// Decimal text: a JSON number would be rounded on its way by many clients.
    pub(crate) total_amount: String,
}

impl NewOrder {
    /// The order as it is kept, with trimmed item names.
    pub(crate) fn check(mut self) -> Result<Self, Problem> {
        if self.user_id < 1 {
            return Err(Problem::unprocessable("user_id", "`user_id` must be a positive integer."));
        }
        if !(1..=MAX_ITEMS).contains(&self.items.len()) {
            return Err(Problem::unprocessable("items", "`items` must have 1 to 100 entries."));
        }
        self.items =
            self.items.iter().enumerate().map(|(index, item)| check_item(index, item)).collect::<Result<_, _>>()?;
        amount::check(&self.total_amount)?;
        Ok(self)
    }
}

/// Postgres cannot keep U+0000 in a text.
fn check_item(index: usize, item: &str) -> Result<String, Problem> {
    let name = item.trim();
    if !(1..=MAX_ITEM_CHARACTERS).contains(&name.chars().count()) || name.contains('\0') {
        let field = format!("items[{index}]");
        let detail = format!("`{field}` must have 1 to 200 characters besides space around it, and no U+0000.");
        return Err(Problem::unprocessable(&field, detail));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(user_id: i64, items: &[&str]) -> NewOrder {
        NewOrder {
            user_id,
            items: items.iter().map(|&item| item.to_owned()).collect(),
            total_amount: "12.99".to_owned(),
        }
    }

    fn refused(order: NewOrder) -> String {
        let response = order.check().unwrap_err().into_response();
        assert_eq!(response.status, 422);
        String::from_utf8(response.body).unwrap()
    }

    #[test]
    fn a_good_order_is_kept_with_trimmed_names() {
        let kept = order(42, &["apple", " banana "]).check().unwrap();
        assert_eq!(kept.items, ["apple", "banana"]);
        assert!(order(i64::MAX, &["x"; 100]).check().is_ok());
        assert!(order(1, &["ä".repeat(200).as_str()]).check().is_ok());
    }

    #[test]
    fn each_rule_names_its_field() {
        assert!(refused(order(0, &["apple"])).contains(r#""field":"user_id""#));
        assert!(refused(order(-1, &["apple"])).contains(r#""field":"user_id""#));
        assert!(refused(order(1, &[])).contains(r#""field":"items""#));
        assert!(refused(order(1, &["x"; 101])).contains(r#""field":"items""#));
        assert!(refused(order(1, &["apple", "  "])).contains(r#""field":"items[1]""#));
        assert!(refused(order(1, &["a".repeat(201).as_str()])).contains(r#""field":"items[0]""#));
        assert!(refused(order(1, &["a\0b"])).contains(r#""field":"items[0]""#));
    }
}
