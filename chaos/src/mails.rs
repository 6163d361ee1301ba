//! Every mail that the mailbox took: it forgets the oldest, so it is looked into again and again.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use dev_backends::Mailbox;
use dev_backends::mailbox::sendgrid;
use dev_backends::mailbox::store::CAPACITY;

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A confirmation.
#[derive(Clone, Debug)]
pub struct Mail {
    pub order_id: Option<i64>,
    pub to: Vec<String>,
    pub content: String,
    pub at: SystemTime,
}

/// All that were seen.
#[derive(Debug, Default)]
pub struct Mails(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    ids: HashSet<String>,
    mails: Vec<Mail>,
    has_missed_some: bool,
}

impl Mails {
    /// Looks for ever.
    pub async fn watch(&self, mailbox: &Mailbox) {
        loop {
            self.look(mailbox);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Looks once.
    pub fn look(&self, mailbox: &Mailbox) {
        let found = mailbox.mails();
        let mut state = self.state();
        // Full, and nothing of it known: some may have come and gone between two looks.
        state.has_missed_some |= found.len() == CAPACITY && !state.ids.contains(&found[0].id);
        for mail in found {
            if state.ids.insert(mail.id.clone()) {
                state.mails.push(read(mail));
            }
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.state().mails.len()
    }

    /// All of them; none if some may be missing.
    pub fn all(&self) -> Option<Vec<Mail>> {
        let state = self.state();
        (!state.has_missed_some).then(|| state.mails.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(mail: sendgrid::Mail) -> Mail {
    Mail {
        order_id: mail.subject.strip_prefix("Your order ").and_then(|id| id.parse().ok()),
        to: mail.to,
        content: mail.content,
        at: humantime::parse_rfc3339(&mail.received_at).unwrap_or_else(|_| SystemTime::now()),
    }
}
