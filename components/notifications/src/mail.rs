//! The confirmation, sent by SendGrid's `POST /v3/mail/send`. The host adds the API key; this code never sees it.

use std::time::Duration;

use componentd_sdk::config;
use componentd_sdk::http::{self, OutgoingRequest, Response};
use componentd_sdk::kafka::Failure;
use serde_json::{Value, json};

use crate::event::OrderCreated;

/// SendGrid takes a mail into its queue within a second; this leaves time for the rest of the record's work.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn send(event: &OrderCreated, to: &str) -> Result<(), Failure> {
    let base = config::require("sendgrid-url").map_err(|error| Failure::Retry(error.to_string()))?;
    let from = config::require("from").map_err(|error| Failure::Retry(error.to_string()))?;
    let url = format!("{}/v3/mail/send", base.trim_end_matches('/'));
    let request = OutgoingRequest::post_json(url, &message(event, &from, to));
    let request = request.map_err(|error| Failure::Reject(error.to_string()))?;
    let answer = http::send(&request, TIMEOUT).map_err(|error| Failure::Retry(format!("SendGrid: {error}")))?;
    outcome(&answer)
}

/// Too many mails and trouble of SendGrid's own pass; any other refusal would come again.
fn outcome(answer: &Response) -> Result<(), Failure> {
    let reason = || format!("SendGrid answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    match answer.status {
        200..=299 => Ok(()),
        429 | 500..=599 => Err(Failure::Retry(reason())),
        _ => Err(Failure::Reject(reason())),
    }
}

fn message(event: &OrderCreated, from: &str, to: &str) -> Value {
    json!({
        "personalizations": [{ "to": [{ "email": to }] }],
        "from": { "email": from },
        "subject": format!("Your order {}", event.order_id),
        "content": [{ "type": "text/plain", "value": text(event) }],
    })
}

fn text(event: &OrderCreated) -> String {
    let items: String = event.items.iter().map(|item| format!("- {item}\n")).collect();
    format!("Thank you for your order {}.\n\n{items}\nTotal: {}\n", event.order_id, event.total_amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn event() -> OrderCreated {
        let items = vec!["Apple".to_owned(), "Banana".to_owned()];
        OrderCreated { event_id: Uuid::nil(), order_id: 123, user_id: 42, items, total_amount: "2.98".to_owned() }
    }

    #[test]
    fn the_message_is_what_sendgrid_asks_for() {
        let expected = json!({
            "personalizations": [{ "to": [{ "email": "john@example.com" }] }],
            "from": { "email": "orders@example.com" },
            "subject": "Your order 123",
            "content": [{
                "type": "text/plain",
                "value": "Thank you for your order 123.\n\n- Apple\n- Banana\n\nTotal: 2.98\n",
            }],
        });
        assert_eq!(message(&event(), "orders@example.com", "john@example.com"), expected);
    }

    #[test]
    fn the_status_decides() {
        let outcome = |status| outcome(&Response::text(status, ""));
        assert!(outcome(202).is_ok());
        for status in [429, 500, 503] {
            assert!(matches!(outcome(status), Err(Failure::Retry(_))), "{status}");
        }
        for status in [302, 400, 401, 413] {
            assert!(matches!(outcome(status), Err(Failure::Reject(_))), "{status}");
        }
    }
}
