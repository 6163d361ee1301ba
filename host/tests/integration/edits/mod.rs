//! Edits of the manifest of a running host: each is applied as a whole, or not at all, and what it does not change goes on.

mod cases;
mod consumer;
mod load;
mod random;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use crate::support::client::Client;
use crate::support::host::free_port;
use crate::support::process::{ManifestFile, Process};
use crate::support::wait::until;
use crate::swap::versions::Mark;

/// One service of the guest that has versions, as a manifest has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    pub port: u16,
    /// Its component is the file with this number.
    pub version: u32,
    /// In KiB.
    pub max_body: u32,
    /// It answers its environment, so this shows.
    pub tag: u32,
    /// Further lines of its table.
    pub settings: String,
}

/// The services of a manifest by name.
pub type Slots = BTreeMap<String, Slot>;

impl Slot {
    pub fn new(port: u16) -> Self {
        Self { port, version: 1, max_body: 1, tag: 0, settings: String::new() }
    }

    pub fn client(&self) -> Client {
        Client::new(([127, 0, 0, 1], self.port).into())
    }

    /// What `GET /env` answers.
    pub fn environment(&self, name: &str) -> Value {
        serde_json::json!({ "NAME": name, "TAG": self.tag.to_string() })
    }

    fn table(&self, name: &str) -> String {
        let Self { port, version, max_body, tag, settings } = self;
        format!(
            "[services.{name}]\ncomponent = \"{version}.wasm\"\n\
             http.listen = \"127.0.0.1:{port}\"\nhttp.max-body = \"{max_body}KiB\"\n\
             env = {{ NAME = \"{name}\", TAG = \"{tag}\" }}\n{settings}\n"
        )
    }
}

/// `a`, `b` and so on, each at a port that is free.
pub fn slots(count: u8) -> Slots {
    (0..count).map(|n| (char::from(b'a' + n).to_string(), Slot::new(free_port()))).collect()
}

/// What the log says of an edit.
#[derive(Debug, PartialEq)]
pub enum Said {
    Applied,
    Nothing,
    Refused(String),
}

/// A running host, whose manifest is edited.
pub struct Edited {
    pub host: Process,
    pub file: ManifestFile,
    pub admin: Client,
    head: String,
    /// Further services, of other kinds.
    pub others: String,
    /// How many edits the log has told of.
    told: usize,
}

impl Edited {
    /// Starts with these services. The components `1.wasm` to `4.wasm` are there, and others that are none.
    pub async fn start(slots: &Slots) -> Self {
        Self::start_with("", slots).await
    }

    /// With these backends.
    pub async fn start_with(backends: &str, slots: &Slots) -> Self {
        let admin = free_port();
        let head = format!(
            "[host]\nstate = \"state\"\n[admin]\ntoken = 'for-tests'\nlisten = \"127.0.0.1:{admin}\"\n{backends}\n"
        );
        let file = ManifestFile::new(&text(&head, slots));
        for version in 1..=4 {
            fs::write(file.folder.path().join(format!("{version}.wasm")), Mark::good(version).component()).unwrap();
        }
        // What answers 500, and what is no component.
        fs::write(file.folder.path().join("500.wasm"), Mark(500, "fail").component()).unwrap();
        fs::write(file.folder.path().join("666.wasm"), "no component").unwrap();
        let mut host = Process::run(&file);
        host.ready().await;
        let admin = host.client("the admin port").await;
        Self { host, file, admin, head, others: String::new(), told: 0 }
    }

    /// Writes another manifest, and waits for what the log says of it.
    pub async fn edit(&mut self, slots: &Slots) -> Said {
        self.write(slots);
        self.said().await
    }

    pub fn write(&self, slots: &Slots) {
        let path = self.file.folder.path().join("manifest.toml");
        fs::write(path.with_extension("part"), text(&self.head, slots) + self.others.as_str()).unwrap();
        fs::rename(path.with_extension("part"), &path).unwrap();
    }

    /// Waits for what the log says of the next edit.
    pub async fn said(&mut self) -> Said {
        let said =
            until("the log tells of the edit", async || self.host.log().iter().filter_map(said).nth(self.told)).await;
        self.told += 1;
        said
    }

    /// What does not run as it should, in words; empty where all does.
    pub async fn differences(&self, slots: &Slots) -> String {
        let mut differences = String::new();
        let services = self.admin.get("/services").await.json();
        let names: Vec<&str> = services.as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
        let wanted: Vec<&str> = slots.keys().map(String::as_str).collect();
        if names != wanted {
            let _ = writeln!(differences, "the services {names:?} run, and not {wanted:?}");
        }
        for (name, slot) in slots {
            if let Err(difference) = self.is_as_wanted(name, slot, &services).await {
                let _ = writeln!(differences, "{name}: {difference}");
            }
        }
        differences
    }

    async fn is_as_wanted(&self, name: &str, slot: &Slot, services: &Value) -> Result<(), String> {
        let client = slot.client();
        let ask = async |path: &str, body: String| {
            let request = match body.as_str() {
                "" => client.request(http::Method::GET, path, ""),
                _ => client.request(http::Method::POST, path, body),
            };
            client.try_send(request).await.map_err(|error| format!("port {}: {error}", slot.port))
        };
        let environment = ask("/env", String::new()).await?;
        if environment.status != 200 || environment.json() != slot.environment(name) {
            return Err(format!("/env is {environment:?}, and not {}", slot.environment(name)));
        }
        let version = ask("/", String::new()).await?;
        if version.text() != format!("{:04}", slot.version) {
            return Err(format!("version {version:?}, and not {}", slot.version));
        }
        // There is no route for it, which is found out once the body is there.
        let limit = 1024 * slot.max_body as usize;
        let statuses = [ask("/", "x".repeat(limit)).await?.status, ask("/", "x".repeat(limit + 1)).await?.status];
        if statuses != [405, 413] {
            return Err(format!("a body of {limit} bytes, and of one more, is answered {statuses:?}"));
        }
        let status = services.as_array().unwrap().iter().find(|status| status["name"] == name).unwrap();
        let component = status["component"].as_str().unwrap();
        if !component.ends_with(&format!("/{}.wasm", slot.version)) || status["ready"] != true {
            return Err(format!("the admin port shows {status}"));
        }
        Ok(())
    }

    /// The outcome of each entry of a service's history, oldest first.
    pub async fn outcomes(&self, service: &str) -> Vec<Value> {
        let history = self.admin.get(&format!("/services/{service}/history")).await.json();
        history.as_array().unwrap().iter().map(|entry| entry["outcome"].clone()).collect()
    }
}

/// What a line of the log says of an edit, if it is about one.
fn said(line: &Value) -> Option<Said> {
    match line["message"].as_str()? {
        "the manifest is applied" => Some(Said::Applied),
        "the manifest says what runs already; nothing has changed" => Some(Said::Nothing),
        "the manifest is not applied; nothing has changed" => {
            Some(Said::Refused(line["reason"].as_str().unwrap().to_owned()))
        }
        _ => None,
    }
}

fn text(head: &str, slots: &Slots) -> String {
    slots.iter().fold(head.to_owned(), |text, (name, slot)| text + slot.table(name).as_str())
}
