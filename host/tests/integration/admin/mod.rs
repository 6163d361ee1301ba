//! The admin API: the document says what there is, and what there is is as the document says.

pub mod document;

use std::collections::{BTreeMap, BTreeSet};

use componentd::Host;
use dev_backends::Mailbox;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};
use http::{Method, Request};
use http_body_util::Full;
use roas::v3_1::spec::Spec;
use roas::validation::{Options, Validate};

use self::document::Document;
use crate::support::client::{Client, Reply};
use crate::support::files::guest;
use crate::support::host::{admin, client, start};
use crate::support::process::ManifestFile;
use crate::support::wait::until;
use crate::support::wire::Wire;
use crate::swap::versions::Mark;

const TOKEN: &str = "Bearer secret";

/// As many as may follow logs at the same time.
const FOLLOWERS: usize = 32;

/// A host of the guest `versioned`, with these lines in `[admin]`, and these settings of its service. The table that comes
/// first may keep its state there.
async fn slot(first: &str, of_admin: &str, of_service: &str) -> Host {
    let component = guest("versioned");
    start(&format!(
        "{first}\n[admin]\ntoken = 'secret'\nlisten = '127.0.0.1:0'\n{of_admin}\n\
         [services.slot]\ncomponent = '{component}'\nhttp = {{ listen = '127.0.0.1:0' }}\n{of_service}\n"
    ))
    .await
}

fn state(folder: &ManifestFile) -> String {
    format!("[host]\nstate = '{}'\n", folder.folder.path().join("state").display())
}

/// Asks a host, and holds its answers against the document.
struct Asked<'a> {
    admin: Client,
    document: &'a Document,
    /// The answers that there were, as in `GET /services 200`.
    seen: &'a mut BTreeSet<String>,
}

impl Asked<'_> {
    fn request(&self, route: &str, target: &str, body: impl Into<bytes::Bytes>) -> Request<Full<bytes::Bytes>> {
        let method = route.split(' ').next().unwrap().parse().unwrap();
        let mut request = self.admin.request(method, target, body);
        request.headers_mut().insert(AUTHORIZATION, TOKEN.parse().unwrap());
        request
    }

    async fn get(&mut self, path: &str, status: u16) -> Reply {
        self.ask(&format!("GET {path}"), path, "", status).await
    }

    async fn ask(&mut self, route: &str, target: &str, body: impl Into<bytes::Bytes>, status: u16) -> Reply {
        let reply = self.admin.send(self.request(route, target, body)).await;
        reply.expect(status);
        self.see(route, &reply);
        reply
    }

    fn see(&mut self, route: &str, reply: &Reply) {
        self.document.check(route, reply);
        self.seen.insert(format!("{route} {}", reply.status));
    }
}

const UPLOAD: &str = "POST /services/{name}/versions";
const ROLLBACK: &str = "POST /services/{name}/rollback";
const HISTORY: &str = "GET /services/{name}/history";
const LOGS: &str = "GET /services/{name}/logs";

async fn document() -> Document {
    let host = slot("", "", "").await;
    let document = Document::new(admin(&host).get("/openapi.json").await.json());
    host.stop().await;
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_valid_openapi() {
    let host = slot("", "", "").await;
    let reply = admin(&host).get("/openapi.json").await;
    reply.expect(200);
    let document = reply.json();
    assert_eq!((&document["openapi"], &document["info"]["version"]), (&"3.1.0".into(), &"0.1.0".into()));
    let spec: Spec = serde_json::from_value(document.clone()).unwrap();
    spec.validate(Options::empty(), None).unwrap_or_else(|error| panic!("{error}"));
    // Nothing of it is unknown to OpenAPI.
    assert_eq!(serde_json::to_value(&spec).unwrap(), document);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_that_is_described_is_given_and_as_described() {
    let document = document().await;
    let mut seen = BTreeSet::new();
    all_is_well(&document, &mut seen).await;
    much_is_missing(&document, &mut seen).await;
    a_version_fails(&document, &mut seen).await;
    assert_eq!(seen, document.answers());
}

async fn all_is_well(document: &Document, seen: &mut BTreeSet<String>) {
    let (mailbox, folder) = (Mailbox::start(0).await.unwrap(), ManifestFile::new(""));
    let of_admin = format!("max-upload = '8MiB'\nmailbox = '{}/mailbox'", mailbox.url());
    let host = slot(&state(&folder), &of_admin, "swap = { probe = '/' }").await;
    let mut asked = Asked { admin: admin(&host), document, seen };
    without_the_token(&mut asked).await;
    by_a_browser(&mut asked).await;
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json", "/mailbox", "/services"] {
        asked.get(path, 200).await;
    }
    versions(&mut asked).await;
    asked.ask(LOGS, "/services/slot/logs", "", 200).await;
    for (query, reason) in [
        ("follow=perhaps", "follow: provided string was not `true` or `false`"),
        ("folow=true", "folow: unknown field `folow`, expected `follow`"),
    ] {
        let refused = asked.ask(LOGS, &format!("/services/slot/logs?{query}"), "", 400).await;
        assert_eq!(refused.json()["detail"], format!("the query cannot be read: {reason}"));
    }
    asked.ask(LOGS, "/services/other/logs", "", 404).await;
    let mut followers = Vec::new();
    for _ in 0..FOLLOWERS {
        let follower = asked.admin.open(asked.request("GET", "/services/slot/logs?follow=true", "")).await;
        assert_eq!(follower.status(), 200);
        followers.push(follower);
    }
    asked.ask(LOGS, "/services/slot/logs?follow=true", "", 503).await;
    drop(followers);
    host.stop().await;
}

async fn without_the_token(asked: &mut Asked<'_>) {
    let without = Client::new(asked.admin.address);
    for operation in asked.document.operations() {
        let target = operation.path.replace("{name}", "slot");
        let reply = without.ask(operation.method.parse().unwrap(), &target).await;
        let route = operation.route();
        assert_eq!(reply.status == 401, operation.needs_token(), "{route}: {reply:?}");
        asked.see(&route, &reply);
    }
}

/// What the page of another origin can have a browser send is refused also with the token.
async fn by_a_browser(asked: &mut Asked<'_>) {
    for operation in asked.document.operations() {
        let (route, target) = (operation.route(), operation.path.replace("{name}", "slot"));
        for (name, value, status) in [
            (HOST, "rebound.example:8080", 421),
            (ORIGIN, "http://page.example", 403),
            (ORIGIN, "null", 403),
            (CONTENT_TYPE, "text/plain", 415),
        ] {
            let mut request = asked.request(&route, &target, "");
            request.headers_mut().insert(name, value.parse().unwrap());
            let reply = asked.admin.send(request).await;
            reply.problem(status);
            asked.see(&route, &reply);
        }
    }
}

async fn versions(asked: &mut Asked<'_>) {
    let target = "/services/slot/versions";
    asked.ask(UPLOAD, target, Mark::good(2).component(), 200).await;
    asked.ask(UPLOAD, target, Mark(3, "fail").component(), 422).await;
    asked.ask(UPLOAD, target, "no component", 422).await;
    asked.ask(UPLOAD, target, vec![0; (8 << 20) + 1], 413).await;
    asked.ask(UPLOAD, "/services/other/versions", "", 404).await;
    let broken = broken_upload(&asked.admin).await;
    asked.see(UPLOAD, &broken);

    let history = asked.ask(HISTORY, "/services/slot/history", "", 200).await.json();
    asked.ask(HISTORY, "/services/other/history", "", 404).await;
    assert_eq!(history[2]["outcome"]["rejected"]["step"], "probed", "{history}");
    let fails = history[2]["version"].as_str().unwrap();

    let target = "/services/slot/rollback";
    asked.ask(ROLLBACK, &format!("{target}?to={fails}"), "", 422).await;
    asked.ask(ROLLBACK, &format!("{target}?to=sha256:none"), "", 404).await;
    // Without the version that was meant it would go back to another one.
    asked.ask(ROLLBACK, &format!("{target}?tö={fails}"), "", 400).await;
    asked.ask(ROLLBACK, target, "", 200).await;
    asked.ask(ROLLBACK, "/services/other/rollback", "", 404).await;
}

/// The answer to a body that has no end.
async fn broken_upload(admin: &Client) -> Reply {
    let mut wire = Wire::open(admin).await;
    let head = "POST /services/slot/versions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\
                content-type: application/wasm\r\n";
    wire.write(&format!("{head}authorization: {TOKEN}\r\n\r\nno length\r\n")).await;
    let answer = wire.read_until("}").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let fields = head.lines().skip(1).map(|line| line.split_once(": ").unwrap());
    let headers = fields.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    Reply { status: head[9..12].parse().unwrap(), headers, body: body.to_owned().into() }
}

/// No state folder, no mailbox, no Redis.
async fn much_is_missing(document: &Document, seen: &mut BTreeSet<String>) {
    let host = slot("[backends]\nredis = { url = 'redis://127.0.0.1:1' }\n", "", "").await;
    let mut asked = Asked { admin: admin(&host), document, seen };
    let readiness = asked.get("/readyz", 503).await.json();
    assert!(readiness["missing"][0].as_str().unwrap().starts_with("Redis: "), "{readiness}");
    asked.get("/mailbox", 404).await;
    asked.ask(ROLLBACK, "/services/slot/rollback", "", 409).await;
    host.stop().await;
}

/// A version is taken back by the host, which its history tells. The mailbox is away.
async fn a_version_fails(document: &Document, seen: &mut BTreeSet<String>) {
    let host = slot("", "mailbox = 'http://127.0.0.1:1/mailbox'", "swap = { failure-rate = 0.2 }").await;
    let mut asked = Asked { admin: admin(&host), document, seen };
    asked.get("/mailbox", 502).await;
    asked.ask(UPLOAD, "/services/slot/versions", Mark(2, "fail").component(), 200).await;
    let slot = client(&host, "slot");
    until("it is taken back", async || (slot.get("/").await.status == 200).then_some(())).await;
    until("the history says so", async || {
        let history = asked.ask(HISTORY, "/services/slot/history", "", 200).await.json();
        history.as_array().unwrap().iter().any(|entry| entry["outcome"]["rolled-back"].is_object()).then_some(())
    })
    .await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_the_document_is_not_there() {
    let host = slot("", "", "").await;
    let document = document().await;
    let (client, without) = (admin(&host), Client::new(admin(&host).address));
    let ask = async |method: Method, path: &str| {
        let mut request = client.request(method, path, "");
        request.headers_mut().insert(AUTHORIZATION, TOKEN.parse().unwrap());
        client.send(request).await
    };
    let mut described = BTreeMap::<_, BTreeSet<String>>::new();
    for operation in document.operations() {
        let methods = described.entry(operation.path).or_default();
        // A server that answers GET answers HEAD as well.
        methods.extend((operation.method == "GET").then(|| "HEAD".to_owned()));
        methods.insert(operation.method);
    }
    for (path, expected) in described {
        let target = path.replace("{name}", "slot");
        let refusal = ask(Method::DELETE, &target).await;
        refusal.problem(405);
        let allowed: BTreeSet<_> = refusal.header("allow").unwrap().split(',').map(str::to_owned).collect();
        assert_eq!(allowed, expected, "{path}");
        if expected.contains("HEAD") {
            let head = ask(Method::HEAD, &target).await;
            assert!(head.status < 500 && head.body.is_empty(), "{path}: {head:?}");
        }
    }
    for path in
        ["/", "/service", "/services/", "/services/slot", "/services/slot/", "/services/slot/history/", "/healthz/"]
    {
        ask(Method::GET, path).await.problem(404);
        without.get(path).await.problem(401);
    }
    ask(Method::GET, "/services/%ff/history").await.problem(400);
    without.ask(Method::POST, "/healthz").await.problem(405);
    without.ask(Method::DELETE, "/services").await.problem(401);
    host.stop().await;
}
