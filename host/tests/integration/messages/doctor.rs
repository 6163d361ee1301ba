//! `componentd doctor`, with servers that are well and with some that are not.

use dev_backends::{EmbeddedKafka, Mailbox};
use serde_json::Value;

use super::{expect, tidy};
use crate::support::files::{component, guest, root};
use crate::support::process::{Ended, ManifestFile, command};
use crate::support::servers::{new_database, own_redis, postgres};
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
    std::fs::create_dir(&migrations).unwrap();
    std::fs::write(migrations.join("0001_users.sql"), "create table users ();").unwrap();
    let examined = examine(manifest.path(), &[], &[]).await;
    let said = examined.expect(69).to_owned();
    let port = |url: &str| url.rsplit(':').next().unwrap().trim_end_matches("/postgres").to_owned();
    let table = tidy(&format!("{}\n\n{said}", examined.stdout), &manifest).replace(&database, "DATABASE");
    let table = table.replace(&format!("{:?}", admin.username()), "\"USER\"");
    let urls = [kafka.url(), redis.url(), admin.to_string()];
    let table = urls.iter().fold(table, |table, url| table.replace(&port(url), "PORT"));
    let table = table.lines().map(without_version).map(without_columns).collect::<Vec<_>>().join("\n");
    assert!(!table.contains("secret") && !table.contains(admin.password().unwrap()), "{table}");
    expect("doctor", &table);
    let examined = examine(manifest.path(), &["--json"], &[]).await;
    examined.expect(69);
    let report: Value = serde_json::from_str(&examined.stdout).unwrap();
    assert_eq!(report["well"], false);
    let findings = report["findings"].as_array().unwrap();
    let topic = findings.iter().find(|finding| finding["about"] == "topic no-such-topic").unwrap();
    assert_eq!(topic["well"], false);
    assert!(topic["place"].as_str().unwrap().ends_with("manifest.toml:13: services.echo.kafka.dead-letter"), "{topic}");
}
