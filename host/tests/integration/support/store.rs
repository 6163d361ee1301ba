//! The whole store: `componentd.toml` on servers of the tests.

use std::path::PathBuf;

use componentd::{Host, Manifest};
use dev_backends::{EmbeddedKafka, Mailbox, Redis};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use tokio::sync::OnceCell;

use super::client::Client;
use super::files::{components, root, target};
use super::host::{TOKEN, admin, client, free_port};
use super::servers::{connect, new_database, own_redis, postgres};
use super::{shared, unique, wait::until};

/// Where a store finds what it needs.
pub struct Plan {
    pub database_url: String,
    pub redis_url: String,
    pub brokers: String,
    pub components: PathBuf,
    /// Where `orders` listens and `store` calls it, if not within the host.
    pub orders: Option<String>,
    /// Other variables than those of [`Plan::environment`].
    pub variables: Vec<(&'static str, String)>,
}

/// A store with a Redis and a Kafka of its own.
pub struct Store {
    pub running: Running,
    pub redis: Redis,
    pub kafka: EmbeddedKafka,
}

/// A store that serves.
pub struct Running {
    pub host: Host,
    pub databases: Databases,
    database_url: String,
    _mailbox: Mailbox,
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
        let [database_url, redis_url, brokers] = [database_url, redis_url, brokers].map(str::to_owned);
        Self { database_url, redis_url, brokers, components: components(), orders: None, variables: Vec::new() }
    }

    /// On ports that are known beforehand, which the page of the shop must be told.
    pub fn with_ports(self) -> Self {
        let [users, store, shop] = [(); 3].map(|()| format!("127.0.0.1:{}", free_port()));
        let origin = ("SHOP_ORIGIN", format!("http://{shop}"));
        let listen = [("USERS_LISTEN", users), ("STORE_LISTEN", store), ("SHOP_LISTEN", shop)];
        Self { variables: listen.into_iter().chain([origin]).collect(), ..self }
    }

    /// # Panics
    /// It does not start.
    pub async fn start(self) -> Running {
        let (mailbox, databases) = (Mailbox::start(0).await.unwrap(), Databases::create(&self.database_url).await);
        let host = Host::start(self.manifest(&mailbox, &databases)).await.unwrap_or_else(|error| panic!("{error}"));
        Running { host, databases, database_url: self.database_url, _mailbox: mailbox }
    }

    /// `componentd.toml`, but for the names of what other tests have as well.
    fn manifest(&self, mailbox: &Mailbox, databases: &Databases) -> Manifest {
        let path = root().join("componentd.toml");
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (from, to) in self.edits(databases) {
            assert!(text.contains(&from), "componentd.toml does not have {from:?} any more");
            text = text.replace(&from, &to);
        }
        let environment: Vec<_> = self.variables.iter().cloned().chain(self.environment(mailbox)).collect();
        let env = |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        Manifest::parse(&path, &text, &env).unwrap_or_else(|error| panic!("{error}"))
    }

    fn edits(&self, databases: &Databases) -> Vec<(String, String)> {
        let quoted = |name: &str| format!("\"{name}\"");
        let component = |name: &str| {
            let path = self.components.join(name).with_extension("wasm");
            (quoted(&format!("components/{name}.wasm")), quoted(&path.display().to_string()))
        };
        let Databases { users, orders, store } = databases;
        let databases = [("usersdb", users), ("ordersdb", orders), ("storedb", store)];
        let databases = databases.map(|(name, instead)| (quoted(name), quoted(instead)));
        let group = ("group = \"notifications\"".to_owned(), format!("group = \"{}\"", unique("notifications")));
        let components = ["users", "orders", "store", "notifications", "shop"].map(component);
        components.into_iter().chain(databases).chain([group]).collect()
    }

    /// All that `componentd.toml` takes from it.
    pub fn environment(&self, mailbox: &Mailbox) -> Vec<(&'static str, String)> {
        let any = || "127.0.0.1:0".to_owned();
        let mut environment = vec![
            ("COMPONENTD_STATE", target().join("tmp").join(unique("state")).display().to_string()),
            ("DATABASE_URL", self.database_url.clone()),
            ("REDIS_URL", self.redis_url.clone()),
            ("KAFKA_BROKERS", self.brokers.clone()),
            ("ADMIN_LISTEN", any()),
            ("ADMIN_TOKEN", TOKEN.to_owned()),
            ("USERS_LISTEN", any()),
            ("STORE_LISTEN", any()),
            ("SHOP_LISTEN", any()),
            ("ORDERS_LISTEN", self.orders.clone().unwrap_or_else(any)),
            ("MAILBOX_URL", format!("{}/mailbox", mailbox.url())),
            ("SENDGRID_URL", mailbox.url()),
            ("SENDGRID_API_KEY", "SG.of-the-tests".to_owned()),
            ("SENDGRID_PRIVATE", "true".to_owned()),
        ];
        environment.extend(self.orders.iter().map(|address| ("ORDERS_URL", format!("http://{address}"))));
        environment
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
    /// The store with the components of [`components`].
    pub async fn start() -> Self {
        Self::start_with(components()).await
    }

    /// The one store for tests that need no more than customers of their own.
    pub async fn shared() -> &'static Running {
        static STORE: OnceCell<Store> = OnceCell::const_new();
        &STORE.get_or_init(|| shared(Self::start)).await.running
    }

    /// The store with the components in this folder.
    pub async fn start_with(components: PathBuf) -> Self {
        Self::start_as(|plan| Plan { components, ..plan }).await
    }

    /// The store of a plan for servers of its own.
    pub async fn start_as(plan: impl FnOnce(Plan) -> Plan) -> Self {
        let (redis, kafka) = (own_redis().await, EmbeddedKafka::start().unwrap());
        let plan = plan(Plan::new(postgres().await, &redis.url(), &kafka.url()));
        Self { running: plan.start().await, redis, kafka }
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
        let id = reply.json()["user_id"].as_i64().unwrap_or_default();
        assert_eq!(reply.expect(201), format!(r#"{{"user_id":{id},"email":"{email}"}}"#));
        Customer { id, email }
    }

    /// The mails to this customer, as `GET /mailbox` of the admin port shows them.
    pub async fn mails_to(&self, customer: &Customer) -> Vec<Value> {
        let reply = self.admin.get("/mailbox").await;
        let mails: Vec<Value> = serde_json::from_str(reply.expect(200)).unwrap();
        mails.into_iter().filter(|mail| mail["to"] == json!([customer.email])).collect()
    }
}

impl Running {
    /// New clients: their connections end with the test that asks for them.
    pub fn http(&self) -> Clients {
        let [users, orders, store] = ["users", "orders", "store"].map(|service| client(&self.host, service));
        Clients { users, orders, store, admin: admin(&self.host) }
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
