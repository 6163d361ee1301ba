//! `componentd doctor`, with servers that are well and with some that are not.

use std::fs;
use std::net::SocketAddr;

use dev_backends::{EmbeddedKafka, Mailbox};
use serde_json::Value;
use sqlx::migrate::Migrator;

use super::{expect, tidy};
use crate::support::files::{component, guest, root};
use crate::support::peer;
use crate::support::process::{Ended, ManifestFile, Process, command};
use crate::support::servers::{connect, new_database, own_redis, postgres};
use crate::support::store::Plan;

async fn examine(manifest: &str, more: &[&str], environment: &[(&str, String)]) -> Ended {
    command(&[&["doctor", "--manifest", manifest], more].concat(), environment).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_all_its_servers_is_well() {
    let (redis, kafka, mailbox) =
        (own_redis().await, EmbeddedKafka::start().unwrap(), Mailbox::start(0).await.unwrap());
    let plan = Plan::new(postgres().await, &redis.url(), &kafka.url());
    let manifest = root().join("componentd.toml");
    let examined = examine(manifest.to_str().unwrap(), &[], &plan.environment(&mailbox)).await;
    examined.expect(0);
    assert!(!examined.stdout.contains("WRONG"), "{}", examined.stdout);
    for seen in
        ["database usersdb of users", "PostgreSQL", "topic orders", "partitions", "group notifications", "redis"]
    {
        assert!(examined.stdout.contains(seen), "{seen}: {}", examined.stdout);
    }
}

/// How wide a column is depends on the longest name, and the names of databases differ.
fn without_columns(line: String) -> String {
    if line.starts_with(' ') { line } else { line.split_whitespace().collect::<Vec<_>>().join(" ") }
}

/// `PostgreSQL 17.5 (Debian 17.5-1), 2 migrations applied` without what differs from one machine to the next.
fn without_version(line: &str) -> String {
    let Some((before, after)) = line.split_once("PostgreSQL ") else { return line.to_owned() };
    format!("{before}PostgreSQL VERSION{}", after.find(',').map_or("", |at| &after[at..]))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_thing_that_is_wrong_is_named_with_its_mend() {
    let (redis, kafka) = (own_redis().await, EmbeddedKafka::start().unwrap());
    let admin: url::Url = postgres().await.parse().unwrap();
    let wrong_password = redis.url().replace("redis://:", "redis://:not-");
    let database = new_database(postgres().await, "doctor").await;
    let (users, echo, hello) = (component("users"), guest("kafka-echo"), guest("hello"));
    let manifest = ManifestFile::new(&format!(
        r#"
[backends]
postgres = {{ url = "{admin}" }}
redis = {{ url = "{wrong_password}" }}
kafka = {{ brokers = "{}" }}

[services.absent]
component = "absent.wasm"
http = {{ listen = "127.0.0.1:0" }}

[services.echo]
component = "{echo}"
kafka = {{ topic = "orders", group = "doctor", dead-letter = "no-such-topic" }}
grants.redis = {{}}

[services.hello]
component = "{hello}"
http = {{ listen = "127.0.0.1:0" }}

[[services.hello.grants.http]]
origin = "http://127.0.0.1:1"
headers = {{ authorization = "Bearer secret-key" }}
private = true

[[services.hello.grants.http]]
origin = "http://127.0.0.1:2"

[[services.hello.grants.http]]
origin = "http://users.internal"

[services.users]
component = "{users}"
http = {{ listen = "127.0.0.1:0" }}
grants.postgres.users = {{ database = "{database}", migrations = "migrations" }}
grants.postgres.other = {{ database = "absentdb" }}
grants.redis = {{ read = ["user:*"] }}
"#,
        kafka.url()
    ));
    let migrations = manifest.folder.path().join("migrations");
    fs::create_dir(&migrations).unwrap();
    fs::write(migrations.join("0001_users.sql"), "create table users ();").unwrap();
    let examined = examine(manifest.path(), &[], &[]).await;
    let said = examined.expect(69).to_owned();
    let port = |url: &str| url.rsplit(':').next().unwrap().trim_end_matches("/postgres").to_owned();
    let table = tidy(&format!("{}\n\n{said}", examined.stdout), &manifest).replace(&database, "DATABASE");
    let table = table.replace(&format!("{:?}", admin.username()), "\"USER\"");
    let urls = [kafka.url(), redis.url(), admin.to_string()];
    let table = urls.iter().fold(table, |table, url| table.replace(&port(url), "PORT"));
    let table = table.lines().map(without_version).map(without_columns).collect::<Vec<_>>().join("\n");
    assert!(!table.contains("secret") && !table.contains(admin.password().unwrap()), "{table}");
    expect("doctor/all", &table);
    let examined = examine(manifest.path(), &["--json"], &[]).await;
    examined.expect(69);
    let report: Value = serde_json::from_str(&examined.stdout).unwrap();
    assert_eq!(report["well"], false);
    let findings = report["findings"].as_array().unwrap();
    let topic = findings.iter().find(|finding| finding["about"] == "topic no-such-topic").unwrap();
    assert_eq!(topic["well"], false);
    assert!(topic["place"].as_str().unwrap().ends_with("manifest.toml:13: services.echo.kafka.dead-letter"), "{topic}");
}

/// The guest `hello` with these lines for backends and for its grants.
fn hello(backends: &str, grants: &str) -> ManifestFile {
    let hello = guest("hello");
    ManifestFile::new(&format!(
        r#"
[backends]
{backends}

[services.hello]
component = "{hello}"
http = {{ listen = "127.0.0.1:0" }}
{grants}
"#
    ))
}

/// What is wrong, without widths of columns, and without what is well.
async fn wrong(manifest: &ManifestFile) -> String {
    let examined = examine(manifest.path(), &[], &[]).await;
    let said = examined.expect(69).to_owned();
    let lines = examined.stdout.lines().filter(|line| !line.starts_with("well "));
    let lines: Vec<String> = lines.map(str::to_owned).map(without_columns).collect();
    tidy(&format!("{}\n\n{said}", lines.join("\n")), manifest)
}

/// What the system's resolver says depends on the system.
fn without_resolver(line: &str) -> String {
    let resolver = "failed to lookup address information: ";
    line.find(resolver).map_or_else(|| line.to_owned(), |at| format!("{}{resolver}…", &line[..at]))
}

#[tokio::test(flavor = "multi_thread")]
async fn origins_whose_name_or_tls_fails() {
    let no_tls = peer::greeting("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let (self_signed, localhost) = (peer::self_signed().await, peer::greeting("").await);
    let origin = |origin: &str, private: bool| {
        format!("[[services.hello.grants.http]]\norigin = \"{origin}\"\nprivate = {private}\n")
    };
    let grants = [
        origin("https://nowhere.invalid", false),
        origin(&format!("https://{self_signed}"), true),
        origin(&format!("https://{no_tls}"), true),
        origin(&format!("http://localhost:{}", localhost.port()), false),
        origin(&format!("http://{localhost}"), true),
    ];
    let manifest = hello("", &grants.concat());
    let port = |address: &SocketAddr| address.port().to_string();
    let said = [(self_signed, "SELF-SIGNED"), (no_tls, "NO-TLS"), (localhost, "PORT")];
    let said = said.iter().fold(wrong(&manifest).await, |said, (address, name)| said.replace(&port(address), name));
    expect("doctor/origins", &said.lines().map(without_resolver).collect::<Vec<_>>().join("\n"));
}

/// Those in the folder `migrations` beside it.
async fn with_migrations(database: &str) -> ManifestFile {
    let backend = format!("postgres = {{ url = \"{}\" }}", postgres().await);
    let grant = format!("grants.postgres.main = {{ database = \"{database}\", migrations = \"migrations\" }}");
    let manifest = hello(&backend, &grant);
    fs::create_dir(manifest.folder.path().join("migrations")).unwrap();
    manifest
}

fn write(manifest: &ManifestFile, file: &str, sql: &str) {
    fs::write(manifest.folder.path().join("migrations").join(file), sql).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_was_edited_after_it_was_applied() {
    let database = new_database(postgres().await, "doctor").await;
    let manifest = with_migrations(&database).await;
    write(&manifest, "0001_users.sql", "create table users ();");
    let mut host = Process::run(&manifest);
    host.ready().await;
    write(&manifest, "0001_users.sql", "create table users (name text);");
    expect("doctor/edited", &wrong(&manifest).await.replace(&database, "DATABASE"));
}

/// As the next start would take them over, which the doctor does not do itself.
#[tokio::test(flavor = "multi_thread")]
async fn migrations_that_an_older_host_has_applied() {
    let database = new_database(postgres().await, "doctor").await;
    let manifest = with_migrations(&database).await;
    write(&manifest, "0001_users.sql", "create table users ();");
    write(&manifest, "0002_orders.sql", "create table orders ();");
    let mut connection = connect(postgres().await, &database).await;
    let before = Migrator::new(manifest.folder.path().join("migrations")).await.unwrap();
    before.run(&mut connection).await.unwrap();
    write(&manifest, "0003_mails.sql", "create table mails ();");
    let examined = examine(manifest.path(), &[], &[]).await;
    examined.expect(0);
    assert!(examined.stdout.contains("2 migrations applied, 1 to come at the next start"), "{}", examined.stdout);
    write(&manifest, "0002_orders.sql", "create table orders (id bigint);");
    let said = wrong(&manifest).await;
    assert!(said.contains("0002_orders.sql was changed after it was applied"), "{said}");
    write(&manifest, "0001_users.sql", "create table users (id bigint);");
    expect("doctor/all-edited", &wrong(&manifest).await.replace(&database, "DATABASE"));
    let is_untouched = sqlx::query_scalar::<_, bool>("select to_regnamespace('componentd_migrations') is null");
    assert!(is_untouched.fetch_one(&mut connection).await.unwrap(), "nothing has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_user_who_may_do_less_than_the_grants() {
    let redis = own_redis().await;
    let mut admin = connection(&redis.url()).await;
    set_user(&mut admin, "limited on >limited ~user:* +@read -strlen +set +ping +multi +exec +discard").await;
    set_user(&mut admin, "mute on >mute allkeys +@all -ping").await;
    let _: () = redis::cmd("SET").arg("counter").arg(1).query_async(&mut admin).await.unwrap();
    let url: url::Url = redis.url().parse().unwrap();
    let port = url.port().unwrap();
    let manifest = |user: &str| {
        let backend = format!("redis = {{ url = \"redis://{user}@127.0.0.1:{port}\" }}");
        hello(&backend, "grants.redis = { read = [\"user:*\"], write = [\"user:*\", \"counter\"] }")
    };
    expect("doctor/redis-rights", &wrong(&manifest("limited:limited")).await);
    let mute = wrong(&manifest("mute:mute")).await;
    assert!(mute.contains("\n       give the right: ACL SETUSER <user> +ping in Redis, or use another user"), "{mute}");
    // Nothing is wrong with users who may do all of it, and nothing has been written or deleted to find that out.
    set_user(&mut admin, "plain on >plain allkeys +@read +@write +ping +@transaction").await;
    for user in ["plain:plain".to_owned(), format!(":{}", url.password().unwrap())] {
        examine(manifest(&user).path(), &[], &[]).await.expect(0);
    }
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut admin).await.unwrap();
    assert_eq!(keys, ["counter"]);
    let ttl: i64 = redis::cmd("TTL").arg("counter").query_async(&mut admin).await.unwrap();
    let value: String = redis::cmd("GET").arg("counter").query_async(&mut admin).await.unwrap();
    assert_eq!((value.as_str(), ttl), ("1", -1));
}

async fn set_user(admin: &mut redis::aio::MultiplexedConnection, rules: &str) {
    let mut command = redis::cmd("ACL");
    command.arg("SETUSER").arg(rules.split(' ').collect::<Vec<_>>());
    let _: () = command.query_async(admin).await.unwrap();
}

async fn connection(url: &str) -> redis::aio::MultiplexedConnection {
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}
