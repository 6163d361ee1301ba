//! An order as a client sends it, the rules for it, and what others are told of it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::columns::{Cents, Moment};
use crate::problem::Problem;

const ITEMS: std::ops::RangeInclusive<usize> = 1..=100;
const ITEM_CHARACTERS: std::ops::RangeInclusive<usize> = 1..=200;

#[derive(Deserialize, Serialize)]
pub struct NewOrder {
    pub user_id: i64,
    pub items: Vec<String>,
    /// As it was sent, so that a repetition is told by its text.
    pub total_amount: String,
}

/// The payload of the event, as JSON.
#[derive(Serialize)]
pub struct OrderCreated {
    pub event_id: Uuid,
    pub order_id: i64,
    pub user_id: i64,
    pub items: Vec<String>,
    pub total_amount: Cents,
    pub status: String,
    pub created_at: String,
}

/// What the database keeps of an order, beside what it was given.
pub type Kept = (i64, Cents, String, Moment);

impl NewOrder {
    /// Trims the names of items in place, and gives the amount.
    ///
    /// # Errors
    /// 422, naming the field.
    pub fn check(&mut self) -> Result<Cents, Problem> {
        if self.user_id < 1 {
            return Err(Problem::unprocessable("user_id", "`user_id` must be a positive integer."));
        }
        if !ITEMS.contains(&self.items.len()) {
            return Err(Problem::unprocessable("items", "`items` must have 1 to 100 entries."));
        }
        self.items.iter_mut().enumerate().try_for_each(|(index, item)| check_item(index, item))?;
        Cents::parse(&self.total_amount).ok_or_else(|| {
            let rule = "decimal text from \"0\" to \"9999999999.99\" with at most two decimals";
            Problem::unprocessable("total_amount", format!("`total_amount` must be {rule}."))
        })
    }
}

/// Postgres cannot keep U+0000 in a text.
fn check_item(index: usize, item: &mut String) -> Result<(), Problem> {
    let name = item.trim();
    if !ITEM_CHARACTERS.contains(&name.chars().count()) || name.contains('\0') {
        let field = format!("items[{index}]");
        let detail = format!("`{field}` must have 1 to 200 characters besides space around it, and no U+0000.");
        return Err(Problem::unprocessable(&field, detail));
    }
    if name.len() < item.len() {
        *item = name.to_owned();
    }
    Ok(())
}

impl OrderCreated {
    pub fn new(order: NewOrder, (order_id, total_amount, status, created_at): Kept) -> Self {
        let NewOrder { user_id, items, .. } = order;
        let event_id = Uuid::new_v4();
        Self { event_id, order_id, user_id, items, total_amount, status, created_at: created_at.0 }
    }
}
