//! Confirmation mails: one for each event, whatever SendGrid says in between.

use componentd::Host;
use dev_backends::Mailbox;
use http::StatusCode;
use serde_json::json;

use crate::support::files::{component, root};
use crate::support::kafka::{Topic, header};
use crate::support::servers::{kafka, redis};
use crate::support::unique;
use crate::support::wait::until;

/// The service alone, with topics and a mailbox of its own.
struct Notifications {
    _host: Host,
    mailbox: Mailbox,
    topic: Topic,
    letters: Topic,
}

/// An order that has been placed.
struct Event {
    id: String,
    user_id: i64,
    email: String,
}

impl Event {
    /// Of a customer that no other test has.
    fn new() -> Self {
        let id = uuid::Uuid::now_v7();
        // The end of it is random.
        let user_id = i64::from(u32::from_be_bytes(id.as_bytes()[12..].try_into().unwrap())) + 1;
        Self { id: id.to_string(), user_id, email: format!("{}@example.com", unique("to")) }
    }

    fn payload(&self) -> String {
        let Self { id, user_id, .. } = self;
        json!({ "event_id": id, "order_id": 7, "user_id": user_id, "items": ["Apple"], "total_amount": "1.99" })
            .to_string()
    }

    async fn sign_up(&self) {
        let client = redis::Client::open(redis().await).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let key = format!("user:{}:email", self.user_id);
        redis::cmd("SET").arg(key).arg(&self.email).query_async::<()>(&mut connection).await.unwrap();
    }
}

impl Notifications {
    async fn start() -> Self {
        let (topic, letters) =
            (Topic::create(kafka().await, "orders").await, Topic::create(kafka().await, "letters").await);
        let mailbox = Mailbox::start(0).await.unwrap();
        let manifest = Self::manifest(&mailbox, &topic.name, &letters.name).await;
        let _host = crate::support::host::start(&manifest).await;
        Self { _host, mailbox, topic, letters }
    }

    /// As in `componentd.toml`, but that it does not wait as long.
    async fn manifest(mailbox: &Mailbox, topic: &str, letters: &str) -> String {
        let (kafka, redis, url) = (kafka().await.brokers(), redis().await, mailbox.url());
        let (component, group) = (component("notifications"), unique("notifications"));
        format!(
            r#"
            [backends]
            redis = {{ url = "{redis}" }}
            kafka = {{ brokers = "{kafka}" }}

            [services.notifications]
            component = "{component}"
            kafka = {{ topic = "{topic}", group = "{group}", dead-letter = "{letters}", attempts = 5, backoff = "10ms" }}
            config = {{ sendgrid-url = "{url}", from = "orders@example.com" }}
            grants.redis = {{ read = ["user:*", "notified:*"], write = ["notified:*"] }}
            grants.http = [{{ origin = "{url}", private = true, headers = {{ authorization = "Bearer key" }} }}]
            "#
        )
    }

    async fn publish(&self, event: &Event) {
        self.topic.produce(0, &event.payload()).await;
    }

    fn mails(&self, event: &Event) -> usize {
        self.mailbox.mails().iter().filter(|mail| mail.to == [event.email.clone()]).count()
    }

    async fn until_mailed(&self, event: &Event) {
        until("the mail has come", async || (self.mails(event) > 0).then_some(())).await;
    }

    /// Attempts and reason of the only dead letter.
    async fn letter(&self) -> (String, String) {
        let letters = self.letters.wait_for(1).await;
        assert_eq!(letters.len(), 1);
        let told = |name| header(&letters[0], name).unwrap();
        (told("dead-letter-attempts"), told("dead-letter-reason"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_event_sends_no_second_mail() {
    let (service, event, next) = (Notifications::start().await, Event::new(), Event::new());
    event.sign_up().await;
    next.sign_up().await;
    for event in [&event, &event, &event, &next] {
        service.publish(event).await;
    }
    service.until_mailed(&next).await;
    assert_eq!((service.mails(&event), service.mails(&next)), (1, 1));
    let mail = &service.mailbox.mails()[0];
    assert_eq!((mail.subject.as_str(), mail.from.as_str()), ("Your order 7", "orders@example.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_never_comes_ends_as_a_dead_letter() {
    let (service, event, next) = (Notifications::start().await, Event::new(), Event::new());
    next.sign_up().await;
    service.publish(&event).await;
    service.publish(&next).await;
    service.until_mailed(&next).await;
    assert_eq!(service.letter().await, ("5".to_owned(), format!("there is no email at user:{}:email", event.user_id)));
    assert_eq!(service.mailbox.mails().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_at_sendgrid_passes_and_the_mail_comes_once() {
    let (service, event, next) = (Notifications::start().await, Event::new(), Event::new());
    event.sign_up().await;
    next.sign_up().await;
    for status in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS] {
        service.mailbox.fail(status, 2);
        let event = Event { id: uuid::Uuid::now_v7().to_string(), email: event.email.clone(), ..event };
        service.publish(&event).await;
        service.until_mailed(&event).await;
        service.mailbox.clear();
    }
    service.publish(&next).await;
    service.until_mailed(&next).await;
    assert_eq!(service.mailbox.mails().len(), 1, "neither of the others came again");
    assert!(service.letters.records().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_sendgrid_refuses_is_not_tried_again() {
    let (service, event, next) = (Notifications::start().await, Event::new(), Event::new());
    event.sign_up().await;
    next.sign_up().await;
    service.mailbox.fail(StatusCode::BAD_REQUEST, 1);
    service.publish(&event).await;
    service.publish(&next).await;
    service.until_mailed(&next).await;
    let (attempts, reason) = service.letter().await;
    assert!(attempts == "1" && reason.starts_with("SendGrid answered 400"), "{attempts} {reason}");
    assert_eq!(service.mails(&event), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_a_dead_letter_at_once() {
    let (service, next) = (Notifications::start().await, Event::new());
    next.sign_up().await;
    service.topic.produce(0, "no event").await;
    service.publish(&next).await;
    service.until_mailed(&next).await;
    let (attempts, reason) = service.letter().await;
    assert!(attempts == "1" && reason.starts_with("the payload is no order event"), "{attempts} {reason}");
}

/// The grants of the tests are those of the store.
#[test]
fn the_manifest_of_the_store_grants_the_same() {
    let text = std::fs::read_to_string(root().join("componentd.toml")).unwrap();
    assert!(text.contains(r#"grants.redis = { read = ["user:*", "notified:*"], write = ["notified:*"] }"#));
}
