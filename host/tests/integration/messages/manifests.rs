//! Manifests with a mistake that people make, and what each is told.

use std::path::Path;

use super::expect;
use crate::support::host::parse;

/// A whole manifest around the lines of a service, which begin at line 7.
fn service(lines: &str) -> String {
    let backends = "[backends]\nredis = { url = 'redis://r' }\nkafka = { brokers = 'kafka:9092' }\n";
    format!("{backends}[services.shop]\ncomponent = 'shop.wasm'\nhttp = {{ listen = '127.0.0.1:0' }}\n{lines}\n")
}

/// The same with another line for Kafka.
fn brokers(brokers: &str) -> String {
    service("").replace("brokers = 'kafka:9092'", brokers)
}

/// The same with another trigger.
fn trigger(lines: &str) -> String {
    service("").replace("http = { listen = '127.0.0.1:0' }", lines)
}

/// Each mistake by the name of its file.
fn mistakes() -> Vec<(&'static str, String)> {
    vec![
        ("empty", String::new()),
        ("no-toml", "[services.shop\ncomponent = 'shop.wasm'\n".to_owned()),
        ("text-without-quotes", "[services.shop]\ncomponent = shop.wasm\n".to_owned()),
        ("json", "{ \"services\": {} }\n".to_owned()),
        ("repeated-table", service("[services.shop]\ncomponent = 'b.wasm'")),
        ("no-services", "[services]\n".to_owned()),
        ("services-in-the-singular", service("").replace("[services.shop]", "[service.shop]")),
        ("services-as-a-list", service("").replace("[services.shop]", "[[services]]")),
        ("no-component", service("").replace("component = 'shop.wasm'", "")),
        ("component-as-a-list", service("").replace("'shop.wasm'", "['shop.wasm']")),
        ("no-trigger", trigger("")),
        ("two-triggers", service("kafka = { topic = 't', group = 'g', dead-letter = 'd' }")),
        ("listen-as-a-port", trigger("http = { listen = 8081 }")),
        ("listen-as-text-port", trigger("http = { listen = '8081' }")),
        ("listen-by-name", trigger("http = { listen = 'localhost:8081' }")),
        ("http-as-text", trigger("http = '127.0.0.1:8081'")),
        ("kafka-without-dead-letter", trigger("kafka = { topic = 't', group = 'g' }")),
        ("dead-letter-in-snake-case", trigger("kafka = { topic = 't', group = 'g', dead_letter = 'd' }")),
        ("attempts-as-text", trigger("kafka = { topic = 't', group = 'g', dead-letter = 'd', attempts = '5' }")),
        ("attempts-below-zero", trigger("kafka = { topic = 't', group = 'g', dead-letter = 'd', attempts = -1 }")),
        ("cron-without-schedule", trigger("cron = {}")),
        ("cron-as-text", trigger("cron = '*/5 * * * *'")),
        ("schedule-with-seconds", trigger("cron = { schedule = '0 */5 * * * *' }")),
        ("schedule-out-of-bounds", trigger("cron = { schedule = '60 * * * *' }")),
        ("schedule-that-never-comes", trigger("cron = { schedule = '0 0 30 2 *' }")),
        ("schedule-as-a-number", trigger("cron = { schedule = 5 }")),
        ("schedule-with-a-time-zone", trigger("cron = { schedule = '@daily', timezone = 'Europe/Berlin' }")),
        ("trigger-of-another-name", trigger("trigger = 'http'")),
        ("trigger-and-none", service("trigger = 'none'")),
        ("timeout-without-unit", service("limits = { timeout = 10 }")),
        ("timeout-as-text-without-unit", service("limits = { timeout = '10' }")),
        ("timeout-with-a-fraction", service("limits = { timeout = 1.5 }")),
        ("memory-without-unit", service("limits = { memory = 64 }")),
        ("memory-with-another-unit", service("limits = { memory = '64 megs' }")),
        ("limit-misspelt", service("limits = { memroy = '64MiB' }")),
        ("concurrency-as-text", service("limits = { concurrency = '8' }")),
        ("isolation-unknown", service("isolation = 'none'")),
        ("brokers-as-a-url", brokers("brokers = 'kafka://broker:9092'")),
        ("brokers-without-a-port-number", brokers("brokers = 'broker:kafka'")),
        ("brokers-as-a-list", brokers("brokers = ['a:9092', 'b:9092']")),
        ("redis-url-of-another-scheme", service("").replace("redis://r", "http://user:secret@r")),
        ("keep-no-versions", service("[host]\nkeep-versions = 0")),
        ("compile-in-no-time", service("[host]\ncompile-time = '10ms'")),
        ("compile-in-no-memory", service("[host]\ncompile-memory = '64MiB'")),
        ("backend-missing", service("grants.postgres.shop = { database = 'shopdb' }")),
        ("database-without-table", service("grants.postgres = { database = 'shopdb' }")),
        ("grant-as-true", service("grants.redis = true")),
        ("keys-as-text", service("grants.redis = { read = 'user:*' }")),
        ("origin-with-a-path", service("grants.http = [{ origin = 'https://api.example.com/v1' }]")),
        ("origin-without-scheme", service("grants.http = [{ origin = 'api.example.com' }]")),
        ("origins-as-texts", service("grants.http = ['https://api.example.com']")),
        ("origin-of-no-service", service("grants.http = [{ origin = 'http://orders.internal' }]")),
        ("header-as-a-secret-text", service("grants.http = [{ origin = 'https://a.b', headers = 'Bearer secret' }]")),
        ("private-as-text", service("grants.http = [{ origin = 'https://a.b', private = 'yes' }]")),
        ("private-as-a-number", service("grants.http = [{ origin = 'https://a.b', private = 1 }]")),
        ("config-as-a-number", service("config = { limit = 10 }")),
        ("config-nested", service("config = { mail = { from = 'a@b' } }")),
        ("canary-without-duration", service("swap = { canary = '10%' }")),
        ("probe-without-slash", service("swap = { probe = 'healthz' }")),
        ("failure-rate-in-percent", service("swap = { failure-rate = 20 }")),
        ("variable-not-set", service("config = { key = '${UNSET}' }")),
        ("variable-not-closed", service("config = { key = '${UNSET' }")),
        ("admin-name-with-a-port", service("[admin]\nlisten = '0.0.0.0:8080'\nhosts = ['admin.example.com:80']")),
        ("admin-without-listen", service("[admin]\ntoken = 'secret'")),
        ("two-services-on-a-port", {
            let other = "[services.other]\ncomponent = 'b.wasm'\nhttp = { listen = '0.0.0.0:8081' }";
            service(other).replacen("127.0.0.1:0", "127.0.0.1:8081", 1)
        }),
        ("service-in-upper-case", service("").replace("services.shop", "services.Shop")),
    ]
}

#[test]
fn each_mistake_is_told_with_line_key_and_mend() {
    let names: std::collections::BTreeSet<_> = mistakes().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), mistakes().len(), "each has a file of its own");
    for (name, text) in mistakes() {
        let refused = parse(Path::new("componentd.toml"), &text, &|_| None).expect_err(name).to_string();
        assert!(!refused.contains("secret"), "{refused}");
        expect(&format!("manifest/{name}"), &refused);
    }
}
