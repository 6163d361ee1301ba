//! The log: one line of JSON an event, each with service, version and request id.

use http::Method;
use serde_json::Value;

use crate::support::files::guest;
use crate::support::process::{ManifestFile, Process};

/// The lines that one request has left, the last of which is the access line.
async fn lines_of(path: &str, filter: &str) -> Vec<Value> {
    let component = guest("misbehave");
    let manifest = format!("[services.guest]\ncomponent = '{component}'\nhttp = {{ listen = '127.0.0.1:0' }}\n");
    let manifest = ManifestFile::new(&manifest);
    let environment = [("COMPONENTD_LOG", filter.to_owned())];
    let mut host = Process::start(&["run", "--manifest", manifest.path()], &environment);
    let client = host.client("guest").await;
    let mut request = client.request(Method::GET, path, "");
    request.headers_mut().insert("x-request-id", "the-request".parse().unwrap());
    client.send(request).await;
    host.line("the access line", |line| line["message"] == "answered").await;
    let of_request = |line: &Value| line["span"]["request_id"] == "the-request";
    host.log().into_iter().filter(of_request).collect()
}

fn by_message<'a>(lines: &'a [Value], message: &str) -> &'a Value {
    lines.iter().find(|line| line["message"] == message).unwrap_or_else(|| panic!("no {message:?} in {lines:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_component_says_is_logged_with_its_request() {
    let lines = lines_of("/print", "info,guest=trace").await;
    for (message, level, key, value) in [
        ("a line on stdout", "INFO", "stream", "stdout"),
        ("a line on stderr", "INFO", "stream", "stderr"),
        ("a message at Level::Trace", "TRACE", "context", "print"),
        ("a message at Level::Debug", "DEBUG", "context", "print"),
        ("a message at Level::Info", "INFO", "context", "print"),
        ("a message at Level::Warn", "WARN", "context", "print"),
        ("a message at Level::Error", "ERROR", "context", "print"),
        ("a message at Level::Critical", "ERROR", "context", "print"),
    ] {
        let line = by_message(&lines, message);
        assert_eq!((&line["level"], &line[key], &line["target"]), (&level.into(), &value.into(), &"guest".into()));
        assert_eq!(line["span"]["service"], "guest");
        assert!(line["span"]["version"].as_str().unwrap().starts_with("sha256:"), "{line}");
        assert!(line["timestamp"].is_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_level_is_a_choice() {
    let lines = lines_of("/print", "info,guest=warn").await;
    let guest: Vec<_> = lines.iter().filter(|line| line["target"] == "guest").collect();
    assert_eq!(guest.len(), 3, "{guest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_leaves_an_access_line() {
    let lines = lines_of("/hello", "info").await;
    let line = by_message(&lines, "answered");
    assert_eq!((&line["method"], &line["path"], &line["status"]), (&"GET".into(), &"/hello".into(), &200.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_leaves_its_message_and_the_trap() {
    let lines = lines_of("/panic", "info").await;
    let said = |word: &str| lines.iter().any(|line| line["message"].as_str().is_some_and(|text| text.contains(word)));
    assert!(said("asked to panic") && said("the component trapped"), "{lines:?}");
    assert_eq!(by_message(&lines, "answered")["status"], 500);
}
