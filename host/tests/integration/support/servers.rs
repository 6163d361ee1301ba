//! Postgres, Redis and Kafka: started once for all tests, or taken from the environment.
//!
//! `COMPONENTD_TEST_DATABASE_URL`, `COMPONENTD_TEST_REDIS_URL` and `COMPONENTD_TEST_KAFKA_BROKERS` name servers that run
//! already, the last a real Kafka with the topics of the store. `COMPONENTD_TEST_KAFKA_JARS` is the folder with the jars of
//! Apache Kafka; `cargo xtask test` sets it.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use dev_backends::{ApacheKafka, EmbeddedKafka, INIT_SQL, Postgres, Redis};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::OnceCell;

use super::files::{is_ci, say_loudly, variable};
use super::unique;

/// A server that is ours, kept alive, or one of the environment.
struct Server<S> {
    url: String,
    _own: Option<S>,
}

/// The Postgres that the tests share; each has databases of its own on it.
pub async fn postgres() -> &'static str {
    static SERVER: OnceCell<Server<Postgres>> = OnceCell::const_new();
    let start = async || match variable("COMPONENTD_TEST_DATABASE_URL") {
        Some(url) => Server { url, _own: None },
        None => {
            let own = own_postgres().await;
            Server { url: own.url(), _own: Some(own) }
        }
    };
    &SERVER.get_or_init(start).await.url
}

/// The Redis that the tests share; each has keys of its own in it.
pub async fn redis() -> &'static str {
    static SERVER: OnceCell<Server<Redis>> = OnceCell::const_new();
    let start = async || match variable("COMPONENTD_TEST_REDIS_URL") {
        Some(url) => Server { url, _own: None },
        None => {
            let own = own_redis().await;
            Server { url: own.url(), _own: Some(own) }
        }
    };
    &SERVER.get_or_init(start).await.url
}

/// The Kafka that the tests share.
pub enum Kafka {
    /// A real one, ours or of the environment.
    Real {
        brokers: String,
        _own: Option<Box<ApacheKafka>>,
    },
    Embedded(EmbeddedKafka),
}

impl Kafka {
    pub fn brokers(&self) -> String {
        match self {
            Self::Real { brokers, .. } => brokers.clone(),
            Self::Embedded(kafka) => kafka.url(),
        }
    }
}

/// A real Kafka where there is one, else the embedded one; each test has topics and groups of its own.
///
/// # Panics
/// It would be the embedded one, and this is CI.
pub async fn kafka() -> &'static Kafka {
    static SERVER: OnceCell<Kafka> = OnceCell::const_new();
    SERVER.get_or_init(start_kafka).await
}

/// Whether the tests have a real Kafka: the embedded one answers no administrator, and what needs one is left out, loudly.
pub async fn is_real_kafka(test: &str) -> bool {
    let is_real = matches!(kafka().await, Kafka::Real { .. });
    if !is_real {
        say_loudly(&format!("{test} needs Apache Kafka, and tests nothing without"));
    }
    is_real
}

/// An Apache Kafka of one test alone, which it may stop, and the folder of its logs; none where there are no jars.
pub async fn own_kafka() -> Option<(ApacheKafka, PathBuf)> {
    let jars = variable("COMPONENTD_TEST_KAFKA_JARS")?;
    let folder = new_folder();
    let kafka = ApacheKafka::start(Path::new(&jars), &folder, 0).await.unwrap();
    Some((kafka, folder.join("kafka/logs")))
}

async fn start_kafka() -> Kafka {
    if let Some(brokers) = variable("COMPONENTD_TEST_KAFKA_BROKERS") {
        return Kafka::Real { brokers, _own: None };
    }
    if let Some((own, _)) = own_kafka().await {
        return Kafka::Real { brokers: own.url(), _own: Some(Box::new(own)) };
    }
    let missing = "COMPONENTD_TEST_KAFKA_JARS is not set: `cargo xtask test` fetches Apache Kafka and sets it";
    assert!(!is_ci(), "CI tests against Apache Kafka. {missing}");
    say_loudly(&format!("The tests use the EMBEDDED Kafka: {missing}"));
    Kafka::Embedded(EmbeddedKafka::start().unwrap())
}

/// A Postgres of one test alone, which it may kill.
pub async fn own_postgres() -> Postgres {
    Postgres::start(&new_folder(), 0, INIT_SQL).await.unwrap()
}

/// A Redis of one test alone, which it may kill, or whose keys are those of a whole store.
pub async fn own_redis() -> Redis {
    Redis::start(&new_folder(), 0).await.unwrap()
}

/// A new, empty database on the Postgres at `url`: its name.
pub async fn new_database(url: &str, name: &str) -> String {
    let database = unique(name);
    let mut connection = PgConnection::connect(url).await.unwrap();
    connection.execute(AssertSqlSafe(format!("create database {database}"))).await.unwrap();
    database
}

/// A user as a host should have, no superuser and with the right to make roles, as a URL; and the database that it owns,
/// with what `setup` makes as that user.
pub async fn host_user(url: &str, setup: &str) -> (String, String) {
    let (user, mut admin) = (unique("host"), PgConnection::connect(url).await.unwrap());
    for sql in [
        format!("create role {user} login createrole password 'of_the_host'"),
        format!("create database {user} owner {user}"),
    ] {
        admin.execute(AssertSqlSafe(sql)).await.unwrap();
    }
    let (_, server) = url.rsplit_once('@').unwrap();
    let own = format!("postgres://{user}:of_the_host@{server}");
    let mut connection = connect(&own, &user).await;
    sqlx::raw_sql(AssertSqlSafe(setup.to_owned())).execute(&mut connection).await.unwrap();
    (own, user)
}

/// A connection to one of the databases on the Postgres at `url`.
pub async fn connect(url: &str, database: &str) -> PgConnection {
    PgConnection::connect(&url_of(url, database)).await.unwrap()
}

fn url_of(url: &str, database: &str) -> String {
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{database}")
}

/// A folder for the data of one server, below that of this process.
fn new_folder() -> PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        remove_stale_folders();
        let path = std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
        // The servers run as other users, who must get there.
        DirBuilder::new().mode(0o755).create(&path).unwrap();
        path
    });
    FOLDER.join(unique("server"))
}

const PREFIX: &str = "componentd-integration-";

/// Nothing runs at the end of a test binary, so each run removes what the ones before it have left.
fn remove_stale_folders() {
    for entry in fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let Some(pid) = name.strip_prefix(PREFIX) else { continue };
        if !Path::new("/proc").join(pid).exists() {
            // Another run may be removing it as well.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
