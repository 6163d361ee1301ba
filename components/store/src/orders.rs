//! The `orders` service, called over HTTP at the address that the manifest sets.

use std::time::Duration;

use componentd_sdk::config;
use componentd_sdk::http::{self, OutgoingRequest, Problem, Response};
use serde::{Deserialize, Serialize};

/// What `orders` answers, and the checkout after it.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Placed {
    order_id: i64,
    status: String,
}

/// Asks for an order, under the customer's own key if there is one, so that a repetition comes to the same order.
pub(crate) fn place(order: Vec<u8>, key: Option<&str>) -> Result<Placed, Problem> {
    let base = config::require("orders-url")?;
    let timeout = Duration::from_millis(config::require_parsed("orders-timeout-ms")?);
    let json = ("content-type".to_owned(), "application/json".to_owned());
    let key = key.map(|key| ("idempotency-key".to_owned(), key.to_owned()));
    let request = OutgoingRequest {
        method: "POST".to_owned(),
        url: format!("{}/order", base.trim_end_matches('/')),
        headers: std::iter::once(json).chain(key.clone()).collect(),
        body: order,
    };
    let answer = http::send(&request, timeout)?;
    // The only rule that an order from here can break: its key is another order's.
    if answer.status == 422 && key.is_some() {
        return Err(Problem::key_reused());
    }
    placed(&answer)
}

/// Whatever is no placed order is a failure of `orders` or, with a 4xx, of this service: the client can change nothing.
fn placed(answer: &Response) -> Result<Placed, Problem> {
    match (answer.status, serde_json::from_slice(&answer.body)) {
        (201, Ok(placed)) => Ok(placed),
        (status, _) => {
            let body = String::from_utf8_lossy(&answer.body);
            Err(Problem::bad_gateway(format!("orders answered {status}: {body}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_placed_order_is_one() {
        let order = r#"{"order_id":123,"status":"pending"}"#;
        assert_eq!(
            placed(&Response::text(201, order)).unwrap(),
            Placed { order_id: 123, status: "pending".to_owned() }
        );
        for (status, body) in [(200, order), (201, "{}"), (201, ""), (422, order), (503, order), (500, "")] {
            assert_eq!(placed(&Response::text(status, body)).unwrap_err().status(), 502, "{status} {body}");
        }
    }
}
