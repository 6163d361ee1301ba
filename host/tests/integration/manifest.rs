//! Errors in a manifest: each names line and key, and what would be right.

use std::path::Path;

use componentd::Manifest;

use crate::support;

/// A whole manifest around the lines of a service, which begin at line 5.
fn service(lines: &str) -> String {
    format!("[backends]\nredis = {{ url = 'redis://r' }}\n[services.a]\ncomponent = 'a.wasm'\n{lines}\n")
}

fn parse(text: &str) -> Result<Manifest, String> {
    let env = |name: &str| (name == "SET").then(|| "value".to_owned());
    support::host::parse(Path::new("m.toml"), text, &env).map_err(|error| error.to_string())
}

/// What is wrong with the text.
fn error(text: &str) -> String {
    parse(text).expect_err(text)
}

/// What is wrong with the lines of a service that has a listener.
fn error_in(lines: &str) -> String {
    error(&service(&format!("http = {{ listen = '127.0.0.1:0' }}\n{lines}")))
}

#[test]
fn what_is_right_is_taken() {
    let grants =
        "grants.redis = { read = ['user:*'] }\ngrants.http = [{ origin = 'https://a.example', private = 'false' }]";
    parse(&service(&format!(
        "http = {{ listen = '[::1]:0' }}\n{grants}\nlimits = {{ memory = '1GiB', cpu = '1s 500ms' }}"
    )))
    .unwrap();
    parse(&service(
        "http = { listen = '127.0.0.1:0' }\nconfig = { a = '${SET}', b = '${UNSET:-x}', c = '${UNSET:-}' }",
    ))
    .unwrap();
}

#[test]
fn texts_that_are_no_toml() {
    assert!(error("[services.a\n").starts_with("m.toml:1: "), "{}", error("[services.a\n"));
    let repeated = error("a = 1\nb = 2\na = 3\n");
    assert!(repeated.starts_with("m.toml:3: ") && repeated.contains("is there already: write it once"), "{repeated}");
}

#[test]
fn unknown_and_missing_keys() {
    assert_eq!(error(""), "m.toml:1: there is no service; add a [services.<name>] table");
    assert_eq!(error("[services]\n"), "m.toml:1: services: there is no service; add a [services.<name>] table");
    assert!(
        error("[service.a]\n")
            .starts_with("m.toml:1: service: there is no key `service` here, did you mean `services`?")
    );
    assert!(
        error(&service("htpp = {}"))
            .starts_with("m.toml:5: services.a.htpp: there is no key `htpp` here, did you mean `http`?")
    );
    assert!(
        error_in("limits = { memroy = '1MiB' }").starts_with("m.toml:6: services.a.limits.memroy: there is no key")
    );
    assert!(error_in("grants.mysql.a = {}").starts_with("m.toml:6: services.a.grants.mysql: there is no key"));
    assert!(
        error("[services.a]\nhttp = { listen = '127.0.0.1:0' }\n")
            .starts_with("m.toml:1: services.a: the key `component` is missing")
    );
    assert!(
        error_in("grants.postgres.a = {}")
            .starts_with("m.toml:6: services.a.grants.postgres.a: the key `database` is missing")
    );
}

#[test]
fn triggers() {
    let reason = "nothing calls this service: give it `http = { listen = … }`, `kafka = { … }` or \
                  `cron = { schedule = … }`; or, if that is meant, `trigger = \"none\"`";
    assert_eq!(error(&service("")), format!("m.toml:3: services.a: {reason}"));
    let kafka = "kafka = { topic = 't', group = 'g', dead-letter = 'd' }";
    assert!(
        error_in(kafka).starts_with("m.toml:3: services.a: has both `http` and `kafka`; a service has one trigger")
    );
    let reason = "needs a server: add `kafka = { brokers = \"host:9092\" }` under [backends]";
    assert_eq!(error(&service(kafka)), format!("m.toml:5: services.a.kafka: {reason}"));
    let same = "kafka = { topic = 't', group = 'g', dead-letter = 't' }";
    let reason = "must be another topic than the one that is consumed";
    assert_eq!(error(&service(same)), format!("m.toml:5: services.a.kafka.dead-letter: {reason}"));
    let none = "kafka = { topic = 't', group = 'g', dead-letter = 'd', attempts = 0 }";
    assert_eq!(error(&service(none)), "m.toml:5: services.a.kafka.attempts: must be at least 1");
    let unknown = "kafka = { topic = 't', group = 'g', dead-letter = 'd', on-lost-records = 'skip' }";
    let reason = "\"skip\" is no choice here: write \"stop\" or \"continue\"";
    assert_eq!(error(&service(unknown)), format!("m.toml:5: services.a.kafka.on-lost-records: {reason}"));
    let other = "kafka = { topic = 'u', group = 'g', dead-letter = 'd' }";
    let shared = format!("{}[services.b]\ncomponent = 'b.wasm'\n{other}\n", service(kafka))
        .replace("redis = { url = 'redis://r' }", "kafka = { brokers = 'k:1' }");
    let reason = "\"g\" is the group of `a` already: each service needs one of its own";
    assert_eq!(error(&shared), format!("m.toml:8: services.b.kafka.group: {reason}"));
    let empty = "kafka = { topic = '', group = 'g', dead-letter = 'd' }";
    assert_eq!(error(&service(empty)), "m.toml:5: services.a.kafka.topic: must not be empty");
}

#[test]
fn listeners() {
    let reason = "\"localhost:80\" is no address: write IP:PORT, as in 0.0.0.0:8081";
    assert_eq!(
        error(&service("http = { listen = 'localhost:80' }")),
        format!("m.toml:5: services.a.http.listen: {reason}")
    );
    let two = |one: &str, other: &str| {
        let service = |name: &str, listen: &str| {
            format!("[services.{name}]\ncomponent = 'c'\nhttp = {{ listen = '{listen}' }}\n")
        };
        error(&(service("a", one) + service("b", other).as_str()))
    };
    let reason = |address: &str| {
        format!("m.toml:6: services.b.http.listen: {address} is the port of `a` already: write another one")
    };
    assert_eq!(two("127.0.0.1:80", "127.0.0.1:80"), reason("127.0.0.1:80"));
    assert_eq!(two("0.0.0.0:80", "127.0.0.1:80"), reason("127.0.0.1:80"));
    assert_eq!(two("127.0.0.1:80", "[::]:80"), reason("[::]:80"));
}

#[test]
fn cors() {
    let cors = |keys: &str| service(&format!("http.listen = '[::1]:0'\nhttp.cors = {{ {keys} }}"));
    parse(&cors("origins = 'https://a.example, http://b:81', credentials = true, methods = [], max-age = '1h'"))
        .unwrap();
    parse(&cors("origins = '*', expose = ['etag']")).unwrap();
    let origin =
        |text: &str| format!("\"{text}\" is no origin: write https://host or http://host:port, without a path");
    let all = "leave the key out to allow all";
    for (keys, key, reason) in [
        (
            "origins = '*', credentials = true",
            "credentials",
            "needs `origins` with those that are meant, in place of \"*\"",
        ),
        ("origins = ['https://a', 'https://a/x']", "origins.1", &origin("https://a/x")),
        ("origins = 'https://a,b'", "origins", &origin("b")),
        ("origins = ['*']", "origins.0", "\"*\" stands alone: write origins = \"*\""),
        ("origins = []", "origins", "must have at least one origin; leave `cors` out where no page may call"),
        ("origins = '*', methods = ['A B']", "methods.0", "\"A B\" can be no name in HTTP"),
        ("origins = '*', headers = ['*']", "headers.0", all),
    ] {
        assert_eq!(error(&cors(keys)), format!("m.toml:6: services.a.http.cors.{key}: {reason}"));
    }
    assert!(error(&cors("")).starts_with("m.toml:6: services.a.http.cors: the key `origins` is missing"));
    let wrong = error(&cors("origins = 5"));
    assert!(wrong.contains("write a list of origins, as in [\"https://shop.example\"], or \"*\" for all"), "{wrong}");
}

#[test]
fn variables() {
    let reason = "the environment variable UNSET is not set; set it, or write ${UNSET:-default}";
    assert_eq!(error_in("config = { key = 'a${UNSET}' }"), format!("m.toml:6: services.a.config.key: {reason}"));
    assert_eq!(
        error_in("config = { key = '${SET' }"),
        "m.toml:6: services.a.config.key: `${` without `}` in \"${SET\": write ${NAME}"
    );
    assert!(
        error_in("grants.http = [{ origin = '${A B}' }]")
            .starts_with("m.toml:6: services.a.grants.http.0.origin: `${A B}` is no variable")
    );
    let smuggled = "config = { key = '${SET}' }\n[admin]\nlisten = '${SET}'";
    assert!(error_in(smuggled).starts_with("m.toml:8: admin.listen: \"value\" is no address"));
}

#[test]
fn values() {
    for (lines, key, reason) in [
        (
            "limits = { memory = 'much' }",
            "limits.memory",
            "\"much\" is no size: write a number with B, KiB or MiB, as in 64MiB",
        ),
        ("limits = { memory = '0' }", "limits.memory", "must be more than zero and fit in memory"),
        ("limits = { memory = '5GiB' }", "limits.memory", "must be at most 4GiB, the size of a 32-bit linear memory"),
        ("limits = { cpu = '5' }", "limits.cpu", "\"5\" is no duration: write a number with ms, s, m or h, as in 10s"),
        ("limits = { timeout = '0s' }", "limits.timeout", "must be more than zero"),
        ("limits = { timeout = '5000000000000000h' }", "limits.timeout", "must be at most 100years"),
        ("limits = { concurrency = 0 }", "limits.concurrency", "must be from 1 to 1000 (`instances` under [host])"),
        ("limits = { concurrency = 1001 }", "limits.concurrency", "must be from 1 to 1000 (`instances` under [host])"),
        ("limits = { rows = 0 }", "limits.rows", "must be at least 1"),
        ("grants.redis = { read = [''] }", "grants.redis.read.0", "must not be empty"),
        (
            "grants.http = [{ origin = 'https://a/path' }]",
            "grants.http.0.origin",
            "\"https://a/path\" is no origin: write https://host or http://host:port, without a path",
        ),
        (
            "grants.http = [{ origin = 'https://a', headers = { 'a b' = 'c' } }]",
            "grants.http.0.headers",
            "\"a b\" is no name of an HTTP header",
        ),
        (
            "grants.http = [{ origin = 'https://a', private = 'maybe' }]",
            "grants.http.0.private",
            "\"maybe\" is neither true nor false: write one of them",
        ),
        (
            "grants.postgres.a = { database = 'd' }",
            "grants.postgres",
            "needs a server: add `postgres = { url = \"postgres://…\" }` under [backends]",
        ),
    ] {
        assert_eq!(error_in(lines), format!("m.toml:6: services.a.{key}: {reason}"));
    }
}

#[test]
fn names_and_types() {
    let named =
        |name: &str| error(&format!("[services.{name}]\ncomponent = 'c'\nhttp = {{ listen = '127.0.0.1:0' }}\n"));
    let reason = "a service's name has 1 to 63 lower-case letters, digits and hyphens";
    assert_eq!(named("Users"), format!("m.toml:1: services.Users: {reason}"));
    assert_eq!(named("'a b'"), format!("m.toml:1: services.a b: {reason}"));
    assert!(
        error_in("limits = { concurrency = 'many' }")
            .starts_with("m.toml:6: services.a.limits.concurrency: this text does not fit here")
    );
    assert!(
        error_in("config = { key = 5 }").starts_with("m.toml:6: services.a.config.key: the number 5 does not fit here")
    );
}

/// They would be kept as one.
#[test]
fn two_folders_of_migrations_for_one_database() {
    let text = |other: &str| {
        let grant = |alias: &str, folder: &str| {
            format!("grants.postgres.{alias} = {{ database = 'd', migrations = '{folder}' }}\n")
        };
        let service = service(&format!("http = {{ listen = '[::1]:0' }}\n{}{}", grant("a", "one"), grant("b", other)));
        service.replace("[backends]", "[backends]\npostgres = { url = 'postgres://p' }")
    };
    parse(&text("one")).unwrap();
    let reason = "another grant of `a` has a folder for \"d\": put all into one";
    assert_eq!(error(&text("two")), format!("m.toml:8: services.a.grants.postgres.b.migrations: {reason}"));
}

#[test]
fn environments() {
    parse(&service("http = { listen = '[::1]:0' }\nenv = { TZ = 'UTC', 'odd name' = '${SET}', EMPTY = '' }")).unwrap();
    let name = "a variable's name has neither `=` nor NUL, and is not empty";
    for (env, key, reason) in [
        ("'A=B' = 'c'", "A=B", name),
        ("\"A\\u0000\" = 'c'", "A\0", name),
        ("'' = 'c'", "", name),
        ("A = \"b\\u0000c\"", "A", "a variable's value has no NUL"),
    ] {
        assert_eq!(error_in(&format!("env = {{ {env} }}")), format!("m.toml:6: services.a.env.{key}: {reason}"));
    }
    assert!(error_in("env = { A = 5 }").starts_with("m.toml:6: services.a.env.A: the number 5 does not fit here"));
}

#[test]
fn probes_and_canaries() {
    let right = "swap = { probe = { path = '/a', status = 405, body-contains = 'b' }, canary = '10% for 60s', \
                 affinity = 'header:X-User' }";
    parse(&service(&format!("http = {{ listen = '[::1]:0' }}\n{right}"))).unwrap();
    parse(&service("http = { listen = '[::1]:0' }\nswap = { probe = '/a', affinity = '' }")).unwrap();
    let expected = "a path, as in \"/healthz\", or { path = …, status = …, body-contains = … }";
    for (swap, key, reason) in [
        ("probe = 'a'", "swap.probe", "must be a path, as in /healthz"),
        ("probe = { path = 'a' }", "swap.probe", "must be a path, as in /healthz"),
        ("probe = 5", "swap.probe", &format!("the number 5 does not fit here: write {expected}")),
        ("probe = { status = 200 }", "swap.probe", "the key `path` is missing: add it"),
        ("probe = { path = '/', status = 99 }", "swap.probe.status", "must be from 200 to 599"),
        ("affinity = 'header:x'", "swap.affinity", "is of use only with a `canary`, as in \"10% for 60s\""),
        ("affinity = 'x-user'", "swap.affinity", "\"x-user\" names nothing: write header:<name> or cookie:<name>"),
        (
            "affinity = 'cookie:a b'",
            "swap.affinity",
            "\"cookie:a b\" names nothing: write header:<name> or cookie:<name>",
        ),
    ] {
        assert_eq!(error_in(&format!("swap = {{ {swap} }}")), format!("m.toml:6: services.a.{key}: {reason}"));
    }
    let kafka = "kafka = { topic = 't', group = 'g', dead-letter = 'd' }";
    let consumer = |swap: &str| error(&service(&format!("{kafka}\nswap = {{ {swap} }}")));
    assert!(consumer("probe = '/'").contains("only a service with an HTTP listener can be probed"));
    assert!(consumer("canary = '10% for 60s', affinity = 'header:x'").contains("only requests have headers"));
}

/// A URL may hold a password.
#[test]
fn urls_stay_out_of_messages() {
    let service = "[services.a]\ncomponent = 'a.wasm'\nhttp = { listen = '127.0.0.1:0' }";
    let url = |backend: &str, url: &str| error(&format!("[backends]\n{backend} = {{ url = '{url}' }}\n{service}\n"));
    let postgres = url("postgres", "mysql://root:secret@db");
    assert_eq!(postgres, "m.toml:2: backends.postgres.url: must be postgres://user:password@host:port");
    let redis = url("redis", "rediss://root:secret@db");
    assert_eq!(redis, "m.toml:2: backends.redis.url: must be redis://user:password@host:port");
}

#[test]
fn services_within_the_host() {
    let grant = |origin: &str| format!("grants.http = [{{ origin = '{origin}' }}]");
    parse(&service(&format!("http = {{ listen = '127.0.0.1:0' }}\n{}", grant("http://a.internal")))).unwrap();
    for origin in ["http://b.internal", "http://a.internal:81", "https://a.internal", "http://x.a.internal"] {
        let error = error_in(&grant(origin));
        assert!(error.contains(&format!("{origin} is no service here that answers HTTP")), "{error}");
    }
}

#[test]
fn isolation_and_instances() {
    parse(&service("http = { listen = '127.0.0.1:0' }\nisolation = 'request'\nlimits = { reuse = 5 }")).unwrap();
    assert!(error_in("isolation = 'none'").contains("\"none\" is no choice here: write \"reuse\" or \"request\""));
    assert!(error_in("limits = { reuse = 0 }").starts_with("m.toml:6: services.a.limits.reuse: must be at least 1"));
    let host =
        |instances: u32| format!("[host]\ninstances = {instances}\n{}", service("http = { listen = '[::1]:0' }"));
    assert!(error(&host(0)).starts_with("m.toml:2: host.instances: must be from 1 to 10000"));
    assert!(
        error(&host(10)).contains("services.a.limits.concurrency: must be from 1 to 10 (`instances` under [host])")
    );
}
