//! The log: one line an event, each with service, version and request id; for programs, for people, and for who asks later.

use http::Method;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::client::Client;
use crate::support::files::guest;
use crate::support::host::{TOKEN, free_port};
use crate::support::process::{ManifestFile, Process, command};
use crate::support::wait::until;

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
async fn a_panic_is_one_warning_with_its_message_and_place_and_the_calls_that_led_to_it() {
    let lines = lines_of("/panic", "info").await;
    let [warning, answered] = lines.as_slice() else { panic!("{lines:#?}") };
    let message = warning["message"].as_str().unwrap();
    assert!(message.starts_with("the component panicked: guests/misbehave/src/lib.rs:"), "{message}");
    assert!(message.ends_with(": asked to panic"), "{message}");
    assert_eq!((&warning["level"], &warning["span"]["service"]), (&"WARN".into(), &"guest".into()));
    let backtrace: Vec<_> = warning["backtrace"].as_str().unwrap().lines().collect();
    assert_eq!(backtrace[0], "at guest_misbehave::panic", "{backtrace:#?}");
    assert!(backtrace.iter().all(|frame| !frame.contains("_ZN") && !frame.contains("_RN")), "{backtrace:#?}");
    assert!(backtrace.len() <= 17, "{backtrace:#?}");
    assert_eq!((&answered["message"], &answered["status"]), (&"answered".into(), &500.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_without_a_message_is_a_warning_as_well() {
    let lines = lines_of("/trap", "info").await;
    let warning = lines.iter().find(|line| line["level"] == "WARN").unwrap();
    assert_eq!(warning["message"], "the component trapped: wasm trap: wasm `unreachable` instruction executed");
    assert_eq!(warning["backtrace"].as_str().unwrap().lines().next(), Some("at guest_misbehave::trap"));
}

/// A service and an admin port, whose addresses are known before it runs.
struct Host {
    process: Process,
    client: Client,
    admin: String,
    _manifest: ManifestFile,
}

fn token() -> [(&'static str, String); 1] {
    [("COMPONENTD_TOKEN", TOKEN.to_owned())]
}

impl Host {
    async fn start(arguments: &[&str], environment: &[(&str, String)]) -> Self {
        let (listen, admin) = (free_port(), free_port());
        let component = guest("misbehave");
        let manifest = ManifestFile::new(&format!(
            "[admin]\ntoken = 'for-tests'\nlisten = '127.0.0.1:{admin}'\n\n[services.guest]\ncomponent = '{component}'\n\
             http = {{ listen = '127.0.0.1:{listen}' }}\n"
        ));
        let process = Process::start(&[&["run", "--manifest", manifest.path()], arguments].concat(), environment);
        let client = Client::new(([127, 0, 0, 1], listen).into());
        until("the guest answers", async || {
            let request = client.request(Method::GET, "/hello", "");
            client.try_send(request).await.ok().filter(|reply| reply.status == 200)
        })
        .await;
        Self { process, client, admin: format!("http://127.0.0.1:{admin}"), _manifest: manifest }
    }

    async fn ask(&self, path: &str, id: &str) {
        let mut request = self.client.request(Method::GET, path, "");
        request.headers_mut().insert("x-request-id", id.parse().unwrap());
        self.client.send(request).await;
    }
}

/// What a person reads, with neither span nor version, and only the end of an id that is long.
#[tokio::test(flavor = "multi_thread")]
async fn text_is_a_short_line_an_event() {
    let by_environment = [("COMPONENTD_LOG_FORMAT", "text".to_owned())];
    for (arguments, environment) in [(&["--log-format", "text"][..], &[][..]), (&[], &by_environment)] {
        let host = Host::start(arguments, environment).await;
        host.ask("/print", "01a21024-be9c-77be-9b51-68eac5c69fb7").await;
        host.ask("/panic", "short").await;
        let has_ended = || host.process.said().1.contains("short GET /panic 500 ").then_some(());
        until("the last line is written", async || has_ended()).await;
        let (_, log) = host.process.said();
        let lines: Vec<_> = log.lines().filter_map(|line| line.get("11:44:20.770 ".len()..)).collect();
        let has = |start: &str| lines.iter().any(|line| line.starts_with(start));
        for start in [
            "INFO  guest c5c69fb7 | a line on stdout stream=stdout",
            "WARN  guest c5c69fb7 | a message at Level::Warn context=print",
            "INFO  guest c5c69fb7 GET /print 200 ",
            "WARN  guest short the component panicked: guests/misbehave/src/lib.rs:",
            "INFO  guest short GET /panic 500 ",
        ] {
            assert!(has(start), "{start}\n{log}");
        }
        assert!(log.contains("asked to panic\n    at guest_misbehave::panic\n"), "{log}");
        assert!(lines.iter().all(|line| !line.contains("request{")), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_format_that_is_none_is_refused() {
    let environment = [("COMPONENTD_LOG_FORMAT", "xml".to_owned())];
    let ended = command(&["check"], &environment).await;
    assert_eq!(ended.expect(64), "componentd: COMPONENTD_LOG_FORMAT=xml: it is `text` or `json`");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recent_lines_of_a_service_can_be_asked_for() {
    let host = Host::start(&[], &[]).await;
    host.ask("/print", "the-request").await;
    let shown = command(&["logs", "guest", "--admin", &host.admin], &token()).await;
    shown.expect(0);
    assert!(shown.stdout.contains(" WARN  guest the-request | a message at Level::Warn"), "{shown:?}");
    let shown = command(&["logs", "guest", "--json", "--admin", &host.admin], &token()).await;
    let lines: Vec<Value> = shown.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.contains(&host.process.log().into_iter().rfind(|line| line["target"] == "guest").unwrap()));
    let refused = command(&["logs", "nobody", "--admin", &host.admin], &token()).await;
    assert!(refused.expect(65).contains("no service"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_followed_to_the_end_of_the_host() {
    let host = Host::start(&[], &[]).await;
    let follower = Process::start(&["logs", "-f", "guest", "--admin", &host.admin], &token());
    let follows = async |id: &str| {
        let said = || follower.said().0.contains(&format!(" INFO  guest {id} GET /hello 200 ")).then_some(());
        until("the line is followed", async || said()).await;
    };
    host.ask("/hello", "before").await;
    follows("before").await;
    host.ask("/hello", "after").await;
    follows("after").await;
    host.process.signal(Signal::TERM);
    follower.end().await.expect(0);
    host.process.end().await.expect(0);
}
