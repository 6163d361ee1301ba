//! What no single value of a manifest shows: whether the parts fit each other.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use http::uri::Authority;

use super::KeyError;
use super::cors::{Cors, Origins};
use super::manifest::{Admin, HttpTrigger, Manifest, Service, Trigger};
use super::probe::Probe;
use crate::{MAX_INSTANCES, MAX_MEMORY};

type Check = Result<(), KeyError>;

pub(super) fn check(manifest: &Manifest) -> Check {
    if manifest.services.is_empty() {
        return fail(["services"], "there is no service; add a [services.<name>] table");
    }
    manifest.admin.as_ref().map_or(Ok(()), hosts)?;
    if !(1..=MAX_INSTANCES).contains(&manifest.host.instances) {
        return fail(["host", "instances"], format!("must be from 1 to {}", MAX_INSTANCES));
    }
    if manifest.host.keep_versions == 0 {
        return fail(["host", "keep-versions"], "must be at least 1: what is live is kept");
    }
    if manifest.host.requests == 0 {
        return fail(["host", "requests"], "must be at least 1");
    }
    if manifest.host.compile_time.0 < MIN_COMPILE_TIME {
        return fail(["host", "compile-time"], "must be at least 1s");
    }
    if manifest.host.compile_memory.0 < MIN_COMPILE_MEMORY {
        return fail(["host", "compile-memory"], "must be at least 256MiB: the compiler itself takes a part of it");
    }
    for (name, service) in &manifest.services {
        service_name(name)?;
        triggers(name, service)?;
        limits(manifest, name, service)?;
        swap(name, service)?;
        environment(name, service)?;
        backends(manifest, name, service)?;
    }
    groups(manifest)?;
    listeners(manifest)
}

/// The system counts the processor time of a process in seconds.
const MIN_COMPILE_TIME: Duration = Duration::from_secs(1);

/// In bytes. The smallest component takes a third of it on two processors, and more where more threads compile.
const MIN_COMPILE_MEMORY: usize = 256 << 20;

fn fail<const N: usize>(key: [&str; N], reason: impl Into<String>) -> Check {
    Err(KeyError { key: key.map(str::to_owned).to_vec(), reason: reason.into() })
}

/// What `Host` has before its port.
fn hosts(admin: &Admin) -> Check {
    let is_host = |name: &&String| name.parse::<Authority>().is_ok_and(|authority| authority.host() == **name);
    let Some(index) = admin.hosts.iter().position(|name| !is_host(&name)) else { return Ok(()) };
    let reason = "is a name or an address without a port, as in admin.example.com";
    fail(["admin", "hosts", &index.to_string()], reason)
}

/// Names are used in logs, host names and file names.
fn service_name(name: &str) -> Check {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.is_empty() && name.len() <= 63 && name.chars().all(legal) {
        return Ok(());
    }
    fail(["services", name], "a service's name has 1 to 63 lower-case letters, digits and hyphens")
}

fn triggers(name: &str, service: &Service) -> Check {
    match service.triggers().as_slice() {
        [Trigger::Kafka(kafka)] if kafka.attempts == 0 => {
            fail(["services", name, "kafka", "attempts"], "must be at least 1")
        }
        [Trigger::Kafka(kafka)] if kafka.dead_letter == kafka.topic => {
            fail(["services", name, "kafka", "dead-letter"], "must be another topic than the one that is consumed")
        }
        [Trigger::Http(http)] if http.max_connections == 0 => {
            fail(["services", name, "http", "max-connections"], "must be at least 1")
        }
        [Trigger::Http(http)] if http.connections_per_address() == 0 => {
            fail(["services", name, "http", "max-connections-per-address"], "must be at least 1")
        }
        [Trigger::Http(http)] if http.max_streams == 0 => {
            fail(["services", name, "http", "max-streams"], "must be at least 1")
        }
        [Trigger::Http(http)] => cors(name, http),
        [Trigger::Kafka(_) | Trigger::Cron(_) | Trigger::None] => Ok(()),
        [] => fail(
            ["services", name],
            "nothing calls this service: give it `http = { listen = … }`, `kafka = { … }` or `cron = { schedule = … }`; or, if that is meant, `trigger = \"none\"`",
        ),
        several => {
            let keys: Vec<String> = several.iter().map(|trigger| format!("`{}`", trigger.written_as())).collect();
            let both = if keys.len() == 2 { "both " } else { "" };
            let reason = format!("has {both}{}; a service has one trigger: keep one of them", keys.join(" and "));
            fail(["services", name], reason)
        }
    }
}

/// A browser takes no `*` for an answer to a request with credentials, and each site could act as its visitor.
fn cors(name: &str, http: &HttpTrigger) -> Check {
    let is_open = |cors: &Cors| cors.credentials && cors.origins == Origins::Any;
    if !http.cors.as_ref().is_some_and(is_open) {
        return Ok(());
    }
    fail(
        ["services", name, "http", "cors", "credentials"],
        "needs `origins` with those that are meant, in place of \"*\"",
    )
}

fn limits(manifest: &Manifest, name: &str, service: &Service) -> Check {
    let (limits, instances) = (&service.limits, manifest.host.instances);
    if limits.concurrency == 0 || limits.concurrency > instances as usize {
        let reason = format!("must be from 1 to {instances} (`instances` under [host])");
        return fail(["services", name, "limits", "concurrency"], reason);
    }
    if limits.handles == 0 {
        return fail(["services", name, "limits", "handles"], "must be at least 1");
    }
    if limits.reuse == 0 {
        return fail(
            ["services", name, "limits", "reuse"],
            "must be at least 1; `isolation = \"request\"` reuses nothing",
        );
    }
    if limits.memory.0 > MAX_MEMORY {
        return fail(
            ["services", name, "limits", "memory"],
            "must be at most 4GiB, the size of a 32-bit linear memory",
        );
    }
    if limits.hops == 0 {
        return fail(
            ["services", name, "limits", "hops"],
            "must be at least 1; without a grant there is no call at all",
        );
    }
    for (key, bound) in
        [("rows", limits.rows), ("requests", limits.requests), ("service-requests", limits.service_requests)]
    {
        if bound == 0 {
            return fail(["services", name, "limits", key], "must be at least 1");
        }
    }
    Ok(())
}

fn swap(name: &str, service: &Service) -> Check {
    let swap = &service.swap;
    if !(0.0..=1.0).contains(&swap.failure_rate) {
        return fail(["services", name, "swap", "failure-rate"], "must be from 0 to 1, as in 0.2 for 20%");
    }
    if !matches!(service.trigger(), Trigger::Http(_)) {
        if swap.probe.is_some() {
            return fail(["services", name, "swap", "probe"], "only a service with an HTTP listener can be probed");
        }
        if swap.affinity.is_some() {
            return fail(
                ["services", name, "swap", "affinity"],
                "only requests have headers; what else calls a service is spread",
            );
        }
    }
    if swap.affinity.is_some() && swap.canary.is_none() {
        return fail(["services", name, "swap", "affinity"], "is of use only with a `canary`, as in \"10% for 60s\"");
    }
    swap.probe.as_ref().map_or(Ok(()), |expected| probe(name, expected))
}

fn probe(name: &str, probe: &Probe) -> Check {
    if !probe.path.starts_with('/') || probe.path.parse::<http::Uri>().is_err() {
        return fail(["services", name, "swap", "probe"], "must be a path, as in /healthz");
    }
    if probe.status.is_some_and(|status| !(200..=599).contains(&status)) {
        return fail(["services", name, "swap", "probe", "status"], "must be from 200 to 599");
    }
    Ok(())
}

/// Others cannot be told from their neighbours where C reads them.
fn environment(name: &str, service: &Service) -> Check {
    for (variable, value) in &service.env {
        if variable.is_empty() || variable.contains(['=', '\0']) {
            return fail(
                ["services", name, "env", variable],
                "a variable's name has neither `=` nor NUL, and is not empty",
            );
        }
        if value.contains('\0') {
            return fail(["services", name, "env", variable], "a variable's value has no NUL");
        }
    }
    Ok(())
}

/// Those of grants are checked by the capabilities.
fn backends(manifest: &Manifest, name: &str, service: &Service) -> Check {
    if matches!(service.trigger(), Trigger::Kafka(_)) && manifest.backend("kafka").is_none() {
        let reason = "needs a server: add `kafka = { brokers = \"host:9092\" }` under [backends]";
        return fail(["services", name, "kafka"], reason);
    }
    Ok(())
}

/// Two services of one group would each get some of the records, and none of them all.
fn groups(manifest: &Manifest) -> Check {
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, service) in &manifest.services {
        let Trigger::Kafka(kafka) = service.trigger() else { continue };
        if let Some(owner) = taken.insert(&kafka.group, name) {
            let reason =
                format!("{:?} is the group of `{owner}` already: each service needs one of its own", kafka.group);
            return fail(["services", name, "kafka", "group"], reason);
        }
    }
    Ok(())
}

/// Port 0 asks for any free port and so never clashes.
fn listeners(manifest: &Manifest) -> Check {
    let mut taken: BTreeMap<SocketAddr, &str> = BTreeMap::new();
    if let Some(admin) = &manifest.admin {
        taken.insert(admin.listen, "admin");
    }
    for (name, service) in &manifest.services {
        let Trigger::Http(http) = service.trigger() else { continue };
        if http.listen.port() == 0 {
            continue;
        }
        let clash = taken.iter().find(|(other, _)| overlap(**other, http.listen)).map(|(_, owner)| *owner);
        if let Some(owner) = clash {
            let reason = format!("{} is the port of `{owner}` already: write another one", http.listen);
            return fail(["services", name, "http", "listen"], reason);
        }
        taken.insert(http.listen, name);
    }
    Ok(())
}

fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let same_ip = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && same_ip
}
