//! The mailbox that stands in for SendGrid, read on the page's behalf: it has another origin, and is not for everybody.

use std::time::Duration;

use componentd_sdk::http::{self, OutgoingRequest, Problem};
use serde::{Deserialize, Serialize};

use crate::services::set;

/// It is on the same machine or beside it, and the page asks again every second.
const TIMEOUT: Duration = Duration::from_secs(3);

/// As the mailbox shows it, and the page reads it.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Mail {
    id: String,
    to: Vec<String>,
    from: String,
    subject: String,
    content: String,
    received_at: String,
}

/// Those to this address, the oldest first.
///
/// # Errors
/// 404 where mails go to SendGrid itself, 502 or 504 where the mailbox does not answer.
pub(crate) fn to(address: &str) -> Result<Vec<Mail>, Problem> {
    let Some(url) = set("mailbox-url")? else {
        return Err(Problem::not_found("There is no mailbox here: mails are sent to their receivers."));
    };
    let request = OutgoingRequest { method: "GET".to_owned(), url, headers: Vec::new(), body: Vec::new() };
    let answer = http::send(&request, TIMEOUT)?;
    if answer.status != 200 {
        return Err(Problem::bad_gateway(format!("the mailbox answered {}", answer.status)));
    }
    let mails = serde_json::from_slice(&answer.body).map_err(Problem::bad_gateway)?;
    Ok(only_to(address, mails))
}

/// In any case, as `users` takes an address only once.
fn only_to(address: &str, mut mails: Vec<Mail>) -> Vec<Mail> {
    mails.retain(|mail| mail.to.iter().any(|to| to.eq_ignore_ascii_case(address)));
    mails
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_to_others_are_not_shown() {
        let mail = |to: &str| Mail {
            id: "1".to_owned(),
            to: vec![to.to_owned()],
            from: "orders@example.com".to_owned(),
            subject: String::new(),
            content: String::new(),
            received_at: String::new(),
        };
        let mails = || vec![mail("a@b.co"), mail("c@d.co"), mail("A@b.co")];
        assert_eq!(only_to("a@B.co", mails()).len(), 2);
        assert!(only_to("", mails()).is_empty());
    }
}
