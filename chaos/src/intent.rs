//! What a customer wants, made so that the row of an order tells whose it is: also where nobody ever got an answer.

use serde_json::{Value, json};

/// A checkout spells its number in binary, in apples and bananas; a cart may have 100 of them.
const BITS: u32 = 24;
/// The catalogue of the store: id, name and price in cents, for a zero and a one.
const FRUIT: [(i64, &str, i64); 2] = [(1, "Apple", 199), (2, "Banana", 99)];
const ORDERED: &str = "Chaos ";

/// Someone who has signed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: i64,
    pub email: String,
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    SignUp,
    Order(User),
    Checkout(User),
}

/// A wish with its number, and the `Idempotency-Key` that all its attempts share.
#[derive(Clone, Debug)]
pub struct Intent {
    pub number: u32,
    pub wish: Wish,
    pub key: Option<String>,
}

impl Intent {
    /// The customer's and its own number in one.
    pub fn number(customer: u32, count: u32) -> u32 {
        (customer << 17 | count) & ((1 << BITS) - 1)
    }

    /// Where it is posted.
    pub fn path(&self) -> &'static str {
        match self.wish {
            Wish::SignUp => "/signup",
            Wish::Order(_) => "/order",
            Wish::Checkout(_) => "/checkout",
        }
    }

    /// What is posted.
    pub fn body(&self) -> Value {
        match &self.wish {
            Wish::SignUp => json!({ "email": self.email(), "password": format!("correct horse {}", self.number) }),
            Wish::Order(user) => json!({ "user_id": user.id, "items": self.items(), "total_amount": self.total() }),
            Wish::Checkout(user) => {
                let ids: Vec<i64> = self.fruit().map(|(id, _, _)| id).collect();
                json!({ "user_id": user.id, "items": ids })
            }
        }
    }

    /// The address of a sign-up.
    pub fn email(&self) -> String {
        format!("customer-{}@example.com", self.number)
    }

    /// Who orders.
    pub fn user(&self) -> Option<&User> {
        match &self.wish {
            Wish::SignUp => None,
            Wish::Order(user) | Wish::Checkout(user) => Some(user),
        }
    }

    /// What the row of the order lists.
    pub fn items(&self) -> Vec<String> {
        match self.wish {
            Wish::Checkout(_) => self.fruit().map(|(_, name, _)| name.to_owned()).collect(),
            _ => vec![format!("{ORDERED}{}", self.number)],
        }
    }

    /// What the row of the order costs.
    pub fn total(&self) -> String {
        let cents = match self.wish {
            Wish::Checkout(_) => self.fruit().map(|(_, _, cents)| cents).sum(),
            _ => i64::from(self.number % 1_000_003),
        };
        format!("{}.{:02}", cents / 100, cents % 100)
    }

    fn fruit(&self) -> impl Iterator<Item = (i64, &'static str, i64)> {
        let number = self.number;
        (0..BITS).map(move |bit| FRUIT[(number >> bit & 1) as usize])
    }
}

/// The number of the intent that these items come from.
pub fn number_of(items: &[String]) -> Option<u32> {
    if let [item] = items {
        return item.strip_prefix(ORDERED)?.parse().ok();
    }
    let bit =
        |item: &String| FRUIT.iter().position(|(_, name, _)| item == name).and_then(|bit| u32::try_from(bit).ok());
    let bits: Option<Vec<u32>> = items.iter().map(bit).collect();
    bits.map(|bits| bits.into_iter().rev().fold(0, |number, bit| number << 1 | bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_tell_the_number() {
        let user = User { id: 1, email: String::new() };
        for wish in [Wish::Order(user.clone()), Wish::Checkout(user)] {
            for number in [0, 1, 5, Intent::number(8, 77), (1 << BITS) - 1] {
                let intent = Intent { number, wish: wish.clone(), key: None };
                assert_eq!(number_of(&intent.items()), Some(number));
            }
        }
        assert_eq!(number_of(&["Pear".to_owned(), "Apple".to_owned()]), None);
    }

    #[test]
    fn a_checkout_costs_what_its_fruit_does() {
        let user = User { id: 1, email: String::new() };
        let intent = Intent { number: 1, wish: Wish::Checkout(user), key: None };
        assert_eq!(intent.total(), "46.76");
    }
}
