//! Which request gets which answer.

use std::convert::Infallible;

use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;

use super::sendgrid::{self, Refusal};
use super::store::Store;

/// SendGrid takes 30 MB; a confirmation needs a few kB, and a thousand of them are kept.
const BODY_LIMIT: usize = 1 << 20;

type Answer = Response<String>;

/// Never fails: what is wrong is in the answer.
pub async fn answer(request: Request<Incoming>, store: &Store) -> Result<Answer, Infallible> {
    let path = request.uri().path().to_owned();
    let (allow, method) = (allowed(&path), request.method().clone());
    Ok(match (path.as_str(), method) {
        ("/v3/mail/send", Method::POST) => take(request, store).await,
        ("/mailbox", Method::GET) => show(store),
        ("/mailbox", Method::DELETE) => clear(store),
        ("/mailbox/fail", Method::POST) => fail(request.uri(), store),
        _ => allow.map_or_else(|| empty(StatusCode::NOT_FOUND), not_allowed),
    })
}

fn allowed(path: &str) -> Option<&'static str> {
    match path {
        "/v3/mail/send" | "/mailbox/fail" => Some("POST"),
        "/mailbox" => Some("GET, DELETE"),
        _ => None,
    }
}

async fn take(request: Request<Incoming>, store: &Store) -> Answer {
    match accept(request, store).await {
        Ok(id) => accepted(&id),
        Err(refusal) => json(refusal.status, refusal.body()),
    }
}

async fn accept(request: Request<Incoming>, store: &Store) -> Result<String, Refusal> {
    sendgrid::authorize(request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()))?;
    let body = Limited::new(request.into_body(), BODY_LIMIT).collect().await.map_err(unreadable)?.to_bytes();
    if let Some(status) = store.failure() {
        return Err(Refusal { status, field: None, message: "as POST /mailbox/fail asked for" });
    }
    let mail = sendgrid::parse(&body)?;
    let id = mail.id.clone();
    store.push(mail);
    Ok(id)
}

fn unreadable(error: Box<dyn std::error::Error + Send + Sync>) -> Refusal {
    let too_large = error.is::<LengthLimitError>();
    let status = if too_large { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
    Refusal { status, field: None, message: "The body cannot be read, or is larger than 1 MiB." }
}

fn accepted(id: &str) -> Answer {
    let mut answer = empty(StatusCode::ACCEPTED);
    let id = HeaderValue::from_str(id).expect("hexadecimal digits may be in a header");
    answer.headers_mut().insert("x-message-id", id);
    answer
}

fn show(store: &Store) -> Answer {
    let mails = serde_json::to_string(&store.mails()).expect("strings are always JSON");
    json(StatusCode::OK, mails)
}

fn clear(store: &Store) -> Answer {
    store.clear();
    empty(StatusCode::NO_CONTENT)
}

fn fail(uri: &Uri, store: &Store) -> Answer {
    let status = parameter(uri, "status").and_then(|status| StatusCode::from_bytes(status.as_bytes()).ok());
    let times = parameter(uri, "times").map_or(Some(1), |times| times.parse().ok());
    let (Some(status), Some(times)) = (status, times) else {
        return json(StatusCode::BAD_REQUEST, r#"{"usage":"POST /mailbox/fail?status=503&times=2"}"#.to_owned());
    };
    store.fail(status, times);
    empty(StatusCode::NO_CONTENT)
}

fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find_map(|(key, value)| (key == name).then_some(value))
}

fn not_allowed(allow: &'static str) -> Answer {
    let mut answer = empty(StatusCode::METHOD_NOT_ALLOWED);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    answer
}

fn json(status: StatusCode, body: String) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(String::new());
    *answer.status_mut() = status;
    answer
}
