//! The guest that calls any capability as it is told.

use componentd::Host;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::client::Client;
use super::files::guest;
use super::host::{client, start};
use super::kafka::Topic;
use super::servers::{Kafka, host_user, kafka, new_database, postgres, redis};
use super::{shared, unique};

/// A host of the guest.
pub struct Probe {
    host: Host,
    pub database: String,
    pub topic: Topic,
}

/// The guest, as one test calls it.
pub struct Calls(Client);

impl Probe {
    /// One with grants for the database `main`, a topic, these besides, and for the keys `probe:*` if these name none.
    pub async fn start(service: &str) -> Self {
        Self::start_with_connections(4, service).await
    }

    /// The same, with one connection to the database.
    pub async fn start_alone(service: &str) -> Self {
        Self::start_with_connections(1, service).await
    }

    /// One whose database has `setup`, made by the host's user, who is no superuser, and to which the component has a role
    /// of its own. `grant` is more of the grant.
    pub async fn start_walled(setup: &str, grant: &str) -> Self {
        let topic = Topic::create(kafka().await, "probe").await;
        let (server, database) = host_user(postgres().await, setup).await;
        let manifest = walled(&server, &database, grant, &topic).await;
        Self { host: start(&manifest).await, database, topic }
    }

    async fn start_with_connections(connections: u32, service: &str) -> Self {
        Self::start_on(kafka().await, connections, service).await
    }

    /// The same with a Kafka that the test may kill.
    pub async fn start_on(kafka: &Kafka, connections: u32, service: &str) -> Self {
        let database = new_database(postgres().await, "probe").await;
        let topic = Topic::create(kafka, "probe").await;
        let backend = format!(r#"{{ url = "{}" }}"#, postgres().await);
        let grant = format!(r#"{{ database = "{database}", connections = {connections} }}"#);
        let manifest = manifest(service, &backend, &grant, &topic).await;
        Self { host: start(&manifest).await, database, topic }
    }

    /// The one for tests that need no limits or grants of their own.
    pub async fn shared() -> &'static Self {
        static PROBE: OnceCell<Probe> = OnceCell::const_new();
        PROBE.get_or_init(|| shared(|| Self::start(HTTP_GRANT))).await
    }

    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Stops its host.
    pub async fn stop(self) {
        self.host.stop().await;
    }

    pub fn calls(&self) -> Calls {
        Calls(client(&self.host, "probe"))
    }
}

/// Without one the host does not load the guest, which imports all.
pub const HTTP_GRANT: &str = "grants.http = [{ origin = 'http://127.0.0.1:9' }]";

/// A manifest with which components have roles of their own.
pub async fn walled(server: &str, database: &str, grant: &str, topic: &Topic) -> String {
    let backend = format!(r#"{{ url = "{server}", roles = "own" }}"#);
    let more = if grant.is_empty() { String::new() } else { format!(", {grant}") };
    manifest(HTTP_GRANT, &backend, &format!(r#"{{ database = "{database}"{more} }}"#), topic).await
}

async fn manifest(service: &str, backend: &str, grant: &str, topic: &Topic) -> String {
    let (redis, component) = (redis().await, guest("probe"));
    let (kafka, topic) = (&topic.brokers, &topic.name);
    let keys = r#"grants.redis = { read = ["probe:*", "read:*"], write = ["probe:*", "write:*"] }"#;
    let keys = if service.contains("grants.redis") { "" } else { keys };
    format!(
        r#"
        [backends]
        postgres = {backend}
        redis = {{ url = "{redis}" }}
        kafka = {{ brokers = "{kafka}" }}

        [services.probe]
        component = "{component}"
        http = {{ listen = "127.0.0.1:0", max-body = "8MiB" }}
        config = {{ greeting = "hello", empty = "" }}
        grants.postgres.main = {grant}
        {keys}
        grants.kafka = {{ produce = ["{topic}"] }}
        {service}
        "#
    )
}

impl Calls {
    /// Any statement; the members of `more` are those of the guest's `Statement`.
    pub async fn statement(&self, sql: &str, params: Value, more: Value) -> Value {
        let mut statement = json!({ "database": "main", "sql": sql, "params": params });
        statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.call("/sql", &statement).await
    }

    pub async fn sql(&self, sql: &str, params: Value) -> Value {
        self.statement(sql, params, json!({})).await
    }

    /// The values of the only row.
    pub async fn row(&self, sql: &str, params: Value) -> Vec<Value> {
        let answer = self.sql(sql, params).await;
        let rows = answer["rows"].as_array().unwrap_or_else(|| panic!("{sql}: {answer}"));
        rows.first().and_then(Value::as_array).unwrap_or_else(|| panic!("{sql}: {answer}")).clone()
    }

    pub async fn redis(&self, command: Value) -> Value {
        self.call("/redis", &command).await
    }

    pub async fn http(&self, call: Value) -> Value {
        self.call("/http", &call).await
    }

    pub async fn kafka(&self, record: Value) -> Value {
        self.call("/kafka", &record).await
    }

    pub async fn config(&self) -> Value {
        self.0.get("/config").await.json()
    }

    /// The guest's answer, where there may be none.
    pub async fn post(&self, path: &str, body: &Value) -> super::client::Reply {
        self.0.post(path, body).await
    }

    async fn call(&self, path: &str, body: &Value) -> Value {
        let reply = self.post(path, body).await;
        assert_eq!(reply.status, 200, "{body}: {reply:?}");
        reply.json()
    }
}

/// A key that no other test has, below a prefix that is granted.
pub fn key(name: &str) -> String {
    format!("probe:{}", unique(name))
}
