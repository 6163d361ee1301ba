//! The confirmation of an order, sent by SendGrid's `POST /v3/mail/send`.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{Client, SendError};

/// Why a record was not handled: it may be later, or never will.
pub enum Failure {
    Retry(String),
    Reject(String),
}

/// What `orders` tells of an order.
#[derive(Deserialize)]
pub struct OrderCreated {
    pub event_id: Uuid,
    pub order_id: i64,
    pub user_id: i64,
    pub items: Vec<String>,
    pub total_amount: String,
}

pub struct Mailer {
    pub client: Client,
    pub url: Uri,
    pub authorization: HeaderValue,
    pub from: String,
}

impl Mailer {
    /// # Errors
    /// Too many mails and trouble of SendGrid's own pass; any other refusal would come again.
    pub async fn send(&self, event: &OrderCreated, to: &str) -> Result<(), Failure> {
        let message = message(event, &self.from, to).to_string();
        let request = Request::post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, self.authorization.clone())
            .body(Full::new(Bytes::from(message)))
            .map_err(|error| Failure::Reject(error.to_string()))?;
        let (status, body) = self.client.send(request).await.map_err(|error| match error {
            SendError::Timeout => Failure::Retry("SendGrid: no answer in time".to_owned()),
            SendError::Failed(cause) => Failure::Retry(format!("SendGrid: {cause}")),
        })?;
        if status.is_success() {
            return Ok(());
        }
        let reason = format!("SendGrid answered {status}: {}", String::from_utf8_lossy(&body));
        let passes = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
        Err(if passes { Failure::Retry(reason) } else { Failure::Reject(reason) })
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
