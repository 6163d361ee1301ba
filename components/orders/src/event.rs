//! What others are told of an order.

use componentd_sdk::http::Problem;
use componentd_sdk::kafka::{Header, OutgoingRecord};
use serde::Serialize;
use uuid::Uuid;

use crate::order::NewOrder;

const TOPIC: &str = "orders";

/// The payload, as JSON. Consumers drop an event that comes again by its id.
#[derive(Debug, Serialize)]
pub(crate) struct OrderCreated {
    event_id: Uuid,
    pub(crate) order_id: i64,
    user_id: i64,
    items: Vec<String>,
    /// Decimal text with two decimals.
    total_amount: String,
    status: String,
    /// RFC 3339, in UTC.
    created_at: String,
}

impl OrderCreated {
    pub(crate) fn new(
        order: NewOrder,
        order_id: i64,
        total_amount: String,
        status: String,
        created_at: String,
    ) -> Self {
        let NewOrder { user_id, items, .. } = order;
        Self { event_id: Uuid::new_v4(), order_id, user_id, items, total_amount, status, created_at }
    }

    /// The order's id is the key, so that all that is ever told of one order stays in order.
    pub(crate) fn record(&self) -> Result<OutgoingRecord, Problem> {
        let event_id = Header { name: "event-id".to_owned(), value: self.event_id.to_string().into_bytes() };
        Ok(OutgoingRecord {
            topic: TOPIC.to_owned(),
            key: Some(self.order_id.to_string().into_bytes()),
            headers: vec![event_id],
            payload: Some(serde_json::to_vec(self).map_err(Problem::internal)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_the_event_under_the_orders_id() {
        let order = NewOrder { user_id: 42, items: vec!["apple".to_owned()], total_amount: "12.9".to_owned() };
        let event = OrderCreated::new(order, 123, "12.90".into(), "pending".into(), "2026-11-22T10:15:30.5Z".into());
        let record = event.record().unwrap();
        let id = event.event_id.to_string();
        assert_eq!((record.topic.as_str(), record.key.as_deref()), ("orders", Some(b"123".as_slice())));
        assert_eq!((record.headers[0].name.as_str(), record.headers[0].value.as_slice()), ("event-id", id.as_bytes()));
        let expected = format!(
            r#"{{"event_id":"{id}","order_id":123,"user_id":42,"items":["apple"],"total_amount":"12.90","status":"pending","created_at":"2026-11-22T10:15:30.5Z"}}"#
        );
        assert_eq!(String::from_utf8(record.payload.unwrap()).unwrap(), expected);
    }
}
