//! The mailbox answers as SendGrid does.

use dev_backends::Mailbox;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const KEY: &str = "authorization: Bearer SG.secret\r\n";

struct Answer {
    status: u16,
    head: String,
    body: String,
}

async fn ask(mailbox: &Mailbox, line: &str, headers: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", mailbox.port())).await.unwrap();
    let length = body.len();
    let head =
        format!("{line} HTTP/1.1\r\nhost: mail\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // It may answer, and close, before it has read everything.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer { status: head[9..12].parse().unwrap(), head: head.to_owned(), body: body.to_owned() }
}

async fn send(mailbox: &Mailbox, mail: &Value) -> Answer {
    ask(mailbox, "POST /v3/mail/send", KEY, mail.to_string().as_bytes()).await
}

fn mail() -> Value {
    json!({
        "personalizations": [{ "to": [{ "email": "alice@example.com" }] }],
        "from": { "email": "orders@example.com" },
        "subject": "Order 1",
        "content": [{ "type": "text/plain", "value": "Thank you." }],
    })
}

#[tokio::test]
async fn shows_what_it_took_and_never_the_key() {
    let mailbox = Mailbox::start(0).await.unwrap();
    let sent = send(&mailbox, &mail()).await;
    assert_eq!((sent.status, sent.body.as_str()), (202, ""));

    let shown = ask(&mailbox, "GET /mailbox", "", b"").await;
    let mails: Value = serde_json::from_str(&shown.body).unwrap();
    assert_eq!(mails[0]["to"], json!(["alice@example.com"]));
    assert_eq!(mails[0]["subject"], "Order 1");
    assert_eq!(mails[0]["content"], "Thank you.");
    assert!(sent.head.contains(&format!("x-message-id: {}", mails[0]["id"].as_str().unwrap())), "{}", sent.head);
    assert!(!shown.body.contains("SG.secret"));

    assert_eq!(ask(&mailbox, "DELETE /mailbox", "", b"").await.status, 204);
    assert_eq!(mailbox.mails().len(), 0);
}

#[tokio::test]
async fn refuses_what_sendgrid_refuses_and_names_the_field() {
    let mailbox = Mailbox::start(0).await.unwrap();
    for (field, named) in [
        ("personalizations", "personalizations"),
        ("from", "from.email"),
        ("subject", "subject"),
        ("content", "content"),
    ] {
        let mut mail = mail();
        mail.as_object_mut().unwrap().remove(field);
        let refused = send(&mailbox, &mail).await;
        let body: Value = serde_json::from_str(&refused.body).unwrap();
        assert_eq!((refused.status, &body["errors"][0]["field"]), (400, &json!(named)));
    }
    assert_eq!(ask(&mailbox, "POST /v3/mail/send", KEY, b"{").await.status, 400);
    assert_eq!(ask(&mailbox, "POST /v3/mail/send", "", mail().to_string().as_bytes()).await.status, 401);
    assert_eq!(ask(&mailbox, "POST /v3/mail/send", KEY, &vec![b' '; (1 << 20) + 1]).await.status, 413);
    let wrong_method = ask(&mailbox, "PUT /v3/mail/send", KEY, b"").await;
    assert_eq!(wrong_method.status, 405);
    assert!(wrong_method.head.contains("allow: POST"), "{}", wrong_method.head);
    assert_eq!(ask(&mailbox, "GET /", "", b"").await.status, 404);
    assert_eq!(mailbox.mails().len(), 0);
}

#[tokio::test]
async fn fails_as_often_as_it_was_told_to() {
    let mailbox = Mailbox::start(0).await.unwrap();
    assert_eq!(ask(&mailbox, "POST /mailbox/fail?status=503&times=2", "", b"").await.status, 204);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(send(&mailbox, &mail()).await.status);
    }
    assert_eq!(statuses, [503, 503, 202]);
    assert_eq!(ask(&mailbox, "POST /mailbox/fail?status=x", "", b"").await.status, 400);
}

#[tokio::test]
async fn keeps_the_last_thousand_and_comes_back_on_its_port() {
    let mailbox = Mailbox::start(0).await.unwrap();
    let port = mailbox.port();
    let store = dev_backends::mailbox::store::Store::default();
    let template = dev_backends::mailbox::sendgrid::parse(mail().to_string().as_bytes()).unwrap();
    for id in 0..1_001 {
        store.push(dev_backends::mailbox::sendgrid::Mail { id: id.to_string(), ..template.clone() });
    }
    assert_eq!((store.mails().len(), store.mails()[0].id.as_str()), (1_000, "1"));

    mailbox.stop().await;
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
    assert_eq!(Mailbox::start(port).await.unwrap().port(), port);
}
