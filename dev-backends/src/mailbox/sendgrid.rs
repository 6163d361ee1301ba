//! SendGrid's `POST /v3/mail/send`: what it asks of a mail, and how it says no.

use std::time::SystemTime;

use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use crate::secret;

/// A mail as `GET /mailbox` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Mail {
    /// What `X-Message-Id` said.
    pub id: String,
    /// Every address of every personalization.
    pub to: Vec<String>,
    pub from: String,
    pub subject: String,
    /// The first content, usually `text/plain`.
    pub content: String,
    /// RFC 3339, UTC.
    pub received_at: String,
}

/// A refusal; the body is SendGrid's `{"errors":[…]}`.
#[derive(Debug)]
pub struct Refusal {
    pub status: StatusCode,
    pub field: Option<&'static str>,
    pub message: &'static str,
}

impl Refusal {
    /// What SendGrid writes.
    pub fn body(&self) -> String {
        json!({ "errors": [{ "message": self.message, "field": self.field, "help": null }] }).to_string()
    }
}

/// Whether the header is that of a key; which key, is nobody's business here.
pub fn authorize(header: Option<&str>) -> Result<(), Refusal> {
    let token = header.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let message = "The provided authorization grant is invalid, expired, or revoked";
    if token.trim().is_empty() {
        Err(Refusal { status: StatusCode::UNAUTHORIZED, field: None, message })
    } else {
        Ok(())
    }
}

/// Reads a mail, or says which field is wrong.
pub fn parse(body: &[u8]) -> Result<Mail, Refusal> {
    let mail: Value = serde_json::from_slice(body).map_err(|_| bad(None, "Bad Request"))?;
    Ok(Mail {
        id: secret::token(),
        to: recipients(&mail)?,
        from: text(&mail, "/from/email").ok_or_else(|| bad(Some("from.email"), FROM))?,
        subject: subject(&mail)?,
        content: text(&mail, "/content/0/value").ok_or_else(|| bad(Some("content"), CONTENT))?,
        received_at: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
    })
}

const PERSONALIZATIONS: &str = "The personalizations field is required and must have at least one personalization.";
const TO: &str = "The to array is required for all personalization objects, and must have at least one email object \
                  with a valid email address.";
const FROM: &str = "The from object must be provided for every email send. It is an object that requires the email \
                    parameter, but may also contain a name parameter.";
const SUBJECT: &str = "The subject is required. You can get around this requirement if you use a template with a \
                       subject defined or if every personalization has a subject defined.";
const CONTENT: &str = "Unless a valid template_id is provided, the content parameter is required. There must be at \
                       least one defined content block.";

fn recipients(mail: &Value) -> Result<Vec<String>, Refusal> {
    let list = mail["personalizations"].as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| bad(Some("personalizations"), PERSONALIZATIONS))?;
    let addresses: Vec<Vec<String>> = list.iter().map(addresses).collect::<Result<_, _>>()?;
    Ok(addresses.concat())
}

fn addresses(personalization: &Value) -> Result<Vec<String>, Refusal> {
    let missing = || bad(Some("personalizations.to"), TO);
    let to = personalization["to"].as_array().filter(|to| !to.is_empty()).ok_or_else(missing)?;
    to.iter().map(|one| text(one, "/email").filter(|email| email.contains('@')).ok_or_else(missing)).collect()
}

fn subject(mail: &Value) -> Result<String, Refusal> {
    let own = text(mail, "/subject").or_else(|| text(mail, "/personalizations/0/subject"));
    own.ok_or_else(|| bad(Some("subject"), SUBJECT))
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn bad(field: Option<&'static str>, message: &'static str) -> Refusal {
    Refusal { status: StatusCode::BAD_REQUEST, field, message }
}
