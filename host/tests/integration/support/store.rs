//! The whole store: `componentd.toml` on servers of the tests.

use std::net::SocketAddr;
use std::path::PathBuf;

use componentd::{Host, Manifest, StartError};
use dev_backends::{EmbeddedKafka, Mailbox, Redis};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use tokio::sync::OnceCell;

use super::client::Client;
use super::files::{components, root};
use super::host::{client, free_port};
use super::servers::{connect, new_database, own_redis, postgres};
use super::{shared, unique, wait::until};

/// What `componentd.toml` gets from its environment, and what is changed of it.
pub struct Plan {
    pub database_url: String,
    pub redis_url: String,
    pub brokers: String,
    pub components: PathBuf,
    pub orders_url: Option<String>,
    pub orders_timeout_ms: u32,
    /// Texts of the manifest and what stands in for them.
    pub edits: Vec<(String, String)>,
}

/// A store with a Redis, a Kafka and a mailbox of its own.
pub struct Store {
    pub running: Running,
    pub redis: Redis,
    pub kafka: EmbeddedKafka,
}

/// A store that serves.
pub struct Running {
    pub host: Host,
    pub mailbox: Mailbox,
    pub databases: Databases,
    pub database_url: String,
}

/// Clients of the ports of a store, wherever it runs.
pub struct Clients {
    pub users: Client,
    pub orders: Client,
    pub store: Client,
    pub admin: Client,
}

/// The names of its databases.
pub struct Databases {
    pub users: String,
    pub orders: String,
    pub store: String,
}

/// A customer who has signed up.
pub struct Customer {
    pub id: i64,
    pub email: String,
}

impl Plan {
    pub fn new(database_url: &str, redis_url: &str, brokers: &str) -> Self {
        Self {
            database_url: database_url.to_owned(),
            redis_url: redis_url.to_owned(),
            brokers: brokers.to_owned(),
            components: components(),
            orders_url: None,
            orders_timeout_ms: 5_000,
            edits: Vec::new(),
        }
    }

    pub fn edit(mut self, text: &str, instead: &str) -> Self {
        self.edits.push((text.to_owned(), instead.to_owned()));
        self
    }

    /// # Panics
    /// It does not start.
    pub async fn start(self) -> Running {
        self.try_start().await.unwrap_or_else(|error| panic!("{error}"))
    }

    pub async fn try_start(self) -> Result<Running, StartError> {
        let (mailbox, databases) = (Mailbox::start(0).await.unwrap(), Databases::create(&self.database_url).await);
        let host = Host::start(self.manifest(&mailbox, &databases)?).await?;
        Ok(Running { host, mailbox, databases, database_url: self.database_url })
    }

    fn manifest(&self, mailbox: &Mailbox, databases: &Databases) -> Result<Manifest, StartError> {
        let path = root().join("componentd.toml");
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (from, to) in self.edits(databases) {
            assert!(text.contains(&from), "componentd.toml does not have {from:?} any more");
            text = text.replace(&from, &to);
        }
        let environment = self.environment(mailbox);
        let env = |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        Ok(Manifest::parse(&path, &text, &env)?)
    }

    fn edits(&self, databases: &Databases) -> Vec<(String, String)> {
        let quoted = |name: &str| format!("\"{name}\"");
        let mut edits = self.edits.clone();
        for name in ["users", "orders", "store", "notifications"] {
            let path = self.components.join(name).with_extension("wasm").display().to_string();
            edits.push((format!("\"components/{name}.wasm\""), quoted(&path)));
        }
        let Databases { users, orders, store } = databases;
        for (name, instead) in [("usersdb", users), ("ordersdb", orders), ("storedb", store)] {
            edits.push((quoted(name), quoted(instead)));
        }
        edits.push(("group = \"notifications\"".to_owned(), format!("group = \"{}\"", unique("notifications"))));
        edits
    }

    fn environment(&self, mailbox: &Mailbox) -> Vec<(&'static str, String)> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0)).to_string();
        let orders = SocketAddr::from(([127, 0, 0, 1], free_port()));
        vec![
            ("DATABASE_URL", self.database_url.clone()),
            ("REDIS_URL", self.redis_url.clone()),
            ("KAFKA_BROKERS", self.brokers.clone()),
            ("ADMIN_LISTEN", any.clone()),
            ("USERS_LISTEN", any.clone()),
            ("STORE_LISTEN", any),
            ("ORDERS_LISTEN", orders.to_string()),
            ("ORDERS_URL", self.orders_url.clone().unwrap_or_else(|| format!("http://{orders}"))),
            ("ORDERS_TIMEOUT_MS", self.orders_timeout_ms.to_string()),
            ("MAILBOX_URL", format!("{}/mailbox", mailbox.url())),
            ("SENDGRID_URL", mailbox.url()),
            ("SENDGRID_API_KEY", "SG.of-the-tests".to_owned()),
            ("SENDGRID_PRIVATE", "true".to_owned()),
        ]
    }
}

impl Databases {
    async fn create(url: &str) -> Self {
        Self {
            users: new_database(url, "users").await,
            orders: new_database(url, "orders").await,
            store: new_database(url, "store").await,
        }
    }
}

impl Store {
    /// The store as it is.
    pub async fn start() -> Self {
        Self::start_with(|plan| plan).await
    }

    /// The one store for tests that need no more than customers of their own.
    pub async fn shared() -> &'static Running {
        static STORE: OnceCell<Store> = OnceCell::const_new();
        &STORE.get_or_init(|| shared(Self::start())).await.running
    }

    /// The store with a change to its plan.
    pub async fn start_with(change: impl FnOnce(Plan) -> Plan) -> Self {
        let (redis, kafka) = (own_redis().await, EmbeddedKafka::start().unwrap());
        let plan = Plan::new(postgres().await, &redis.url(), &kafka.url());
        Self { running: change(plan).start().await, redis, kafka }
    }
}

impl Clients {
    /// Waits until every service can be called and every backend answers.
    pub async fn ready(&self) {
        until("the host is ready", async || (self.admin.get("/readyz").await.status == 200).then_some(())).await;
    }

    pub async fn sign_up(&self) -> Customer {
        let email = format!("{}@example.com", unique("customer"));
        let reply = self.users.post("/signup", &json!({ "email": email, "password": "correct horse" })).await;
        reply.expect(201);
        Customer { id: reply.json()["user_id"].as_i64().unwrap(), email }
    }

    /// The mails to this customer, as `GET /mailbox` of the admin port shows them.
    pub async fn mails_to(&self, customer: &Customer) -> Vec<Value> {
        let reply = self.admin.get("/mailbox").await;
        reply.expect(200);
        let mails: Vec<Value> = serde_json::from_slice(&reply.body).unwrap();
        mails.into_iter().filter(|mail| mail["to"] == json!([customer.email])).collect()
    }
}

impl Running {
    /// New clients: their connections end with the test that asks for them.
    pub fn http(&self) -> Clients {
        let [users, orders, store] = ["users", "orders", "store"].map(|service| client(&self.host, service));
        Clients { users, orders, store, admin: Client::new(self.host.admin_address().unwrap()) }
    }

    /// How many rows a table has.
    pub async fn count(&self, database: &str, table: &str) -> i64 {
        self.text(database, &format!("select count(*)::text from {table}")).await.parse().unwrap()
    }

    /// The only value of the only row of a query.
    pub async fn text(&self, database: &str, query: &str) -> String {
        let mut connection = connect(&self.database_url, database).await;
        sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&mut connection).await.unwrap()
    }
}
