//! What `orders` tells of an order.

use componentd_sdk::kafka::Failure;
use serde::Deserialize;
use uuid::Uuid;

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct OrderCreated {
    pub(crate) event_id: Uuid,
    pub(crate) order_id: i64,
    pub(crate) user_id: i64,
    pub(crate) items: Vec<String>,
    pub(crate) total_amount: String,
}

impl OrderCreated {
    /// A record that is no event never becomes one, so it is not tried again.
    pub(crate) fn parse(payload: Option<&[u8]>) -> Result<Self, Failure> {
        let payload = payload.ok_or_else(|| Failure::Reject("the record has no payload".to_owned()))?;
        serde_json::from_slice(payload)
            .map_err(|error| Failure::Reject(format!("the payload is no order event: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_may_have_more_members() {
        let payload =
            br#"{"event_id":"67e55044-10b1-426f-9247-bb680e5fe0c8","order_id":123,"user_id":42,"items":["apple"],
            "total_amount":"12.99","status":"pending","created_at":"2026-11-22T10:15:30.5Z","later":1}"#;
        let event = OrderCreated::parse(Some(payload)).unwrap();
        assert_eq!((event.order_id, event.user_id, event.total_amount.as_str()), (123, 42, "12.99"));
    }

    #[test]
    fn what_is_no_event_is_rejected() {
        let no_id = br#"{"event_id":"x","order_id":1,"user_id":1,"items":[],"total_amount":"0"}"#;
        for payload in [None, Some(b"".as_slice()), Some(b"{}"), Some(b"\xff"), Some(no_id)] {
            assert!(matches!(OrderCreated::parse(payload), Err(Failure::Reject(_))), "{payload:?}");
        }
    }
}
