//! Secrets that a manifest takes from files: where they go, and all the places where they must not be.

use std::fs;
use std::path::Path;

use componentd::Manifest;
use rustix::process::Signal;

use crate::support::files::guest;
use crate::support::host::TOKEN;
use crate::support::process::{Ended, ManifestFile, Process, command};
use crate::swap::versions::Mark;

/// With what JSON, TOML and `{:?}` write differently.
const SECRET: &str = "kept\"from\\all: 4711";

/// A manifest that has the secret wherever one may be, the same in its URLs in their own way of writing.
fn manifest(folder: &Path) -> String {
    let (component, file) = (guest("versioned"), folder.join("secret").display().to_string());
    format!(
        r#"
        [host]
        state = "state"
        [admin]
        listen = "127.0.0.1:0"
        token = "{TOKEN}"
        [backends]
        redis = {{ url = "redis://user:${{file:{file}.url}}@127.0.0.1:1" }}
        postgres = {{ url = "postgres://user:${{file:{file}.url}}@127.0.0.1:1" }}
        [services.slot]
        component = "{component}"
        http.listen = "127.0.0.1:0"
        config = {{ key = "${{file:{file}}}" }}
        env = {{ KEY = "${{file:{file}}}" }}
        grants.redis = {{ read = ["*"] }}
        grants.postgres.main = {{ database = "maindb" }}
        [[services.slot.grants.http]]
        origin = "https://api.example.com"
        headers = {{ authorization = "Bearer ${{file:{file}}}" }}
        "#
    )
}

/// In which forms it could be found.
fn forms() -> [String; 4] {
    let quoted = format!("{SECRET:?}");
    let json = serde_json::to_string(SECRET).unwrap();
    [
        SECRET.to_owned(),
        quoted[1..quoted.len() - 1].to_owned(),
        json[1..json.len() - 1].to_owned(),
        "in-a-url".to_owned(),
    ]
}

#[track_caller]
fn is_not_in(text: &str) {
    for form in forms() {
        assert!(!text.contains(&form), "{form} is in {text}");
    }
}

fn files() -> ManifestFile {
    let file = ManifestFile::new("");
    let folder = file.folder.path();
    fs::write(file.path(), manifest(folder)).unwrap();
    fs::write(folder.join("secret"), format!("{SECRET}\n")).unwrap();
    fs::write(folder.join("secret.url"), "in-a-url\n").unwrap();
    file
}

async fn ask(file: &ManifestFile, arguments: &[&str]) -> Ended {
    let ended = command(&[arguments, &["--manifest", file.path()]].concat(), &[]).await;
    is_not_in(&format!("{}\n{}", ended.stdout, ended.stderr));
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn what_files_say_is_shown_nowhere() {
    let file = files();
    let manifest = Manifest::load(file.path().as_ref()).unwrap();
    assert_eq!(manifest.services["slot"].config["key"], SECRET);
    is_not_in(&format!("{manifest:?} {manifest:#?}"));
    ask(&file, &["check"]).await.expect(0);
    ask(&file, &["explain", "slot", "GET https://api.example.com/"]).await.expect(0);
    ask(&file, &["doctor"]).await.expect(69);
    // All that is said of connections and requests, but not what the compiler is doing.
    let filter = "info,componentd=trace,sqlx=trace,redis=trace,hyper_util=trace,h2=trace";
    let log = [("COMPONENTD_LOG", filter.to_owned())];
    let mut host = Process::start(&["run", "--manifest", file.path()], &log);
    let admin = host.client("the admin port").await;
    for path in ["/readyz", "/metrics", "/services", "/services/slot/logs", "/openapi.json"] {
        is_not_in(admin.get(path).await.text());
    }
    let upload = |component| admin.send(admin.request(http::Method::POST, "/services/slot/versions", component));
    upload(Mark(2, "fail").component()).await;
    upload(b"\0asm".to_vec()).await.problem(422);
    is_not_in(admin.get("/services/slot/history").await.text());
    // An edit that is wrong, and names what is.
    let text = fs::read_to_string(file.path()).unwrap();
    fs::write(file.path(), text.replace("read = [\"*\"]", "read = [\"*\"], more = 1")).unwrap();
    host.line("the edit is refused", |line| line.to_string().contains("there is no key `more`")).await;
    host.signal(Signal::TERM);
    let ended = host.end().await;
    is_not_in(&format!("{}\n{}", ended.stdout, ended.stderr));
}

/// Whatever a key makes of a value that does not fit it.
#[tokio::test(flavor = "multi_thread")]
async fn errors_name_the_file_and_not_what_it_says() {
    let file = files();
    let secret = file.folder.path().join("secret").display().to_string();
    let text = fs::read_to_string(file.path()).unwrap();
    for (from, to) in [
        ("listen = \"127.0.0.1:0\"\n        token", format!("listen = \"${{file:{secret}}}\"\n        token")),
        ("state = \"state\"", format!("state = \"state\"\n        cache-size = \"${{file:{secret}}}\"")),
        ("read = [\"*\"]", format!("read = \"${{file:{secret}}}\"")),
        ("origin = \"https://api.example.com\"", format!("origin = \"${{file:{secret}}}\"")),
        ("database = \"maindb\"", format!("database = \"maindb\", connections = \"${{file:{secret}}}\"")),
        ("http.listen = \"127.0.0.1:0\"", format!("trigger = \"${{file:{secret}}}\"")),
        ("http.listen = \"127.0.0.1:0\"", format!("cron.schedule = \"${{file:{secret}}}\"")),
        (
            "http.listen = \"127.0.0.1:0\"",
            format!("http.listen = \"127.0.0.1:0\"\nswap.canary = \"${{file:{secret}}}\""),
        ),
    ] {
        assert!(text.contains(from), "{from}");
        fs::write(file.path(), text.replacen(from, &to, 1)).unwrap();
        ask(&file, &["check"]).await.expect(64);
    }
    fs::remove_file(&secret).unwrap();
    fs::write(file.path(), &text).unwrap();
    let absent = ask(&file, &["check"]).await;
    assert!(absent.expect(64).contains(&format!("{secret} cannot be read: ")), "{absent:?}");
}
