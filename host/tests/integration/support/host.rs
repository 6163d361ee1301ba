//! Hosts in this process, from the text of a manifest.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU16, Ordering};

use std::path::Path;

use componentd::config::ConfigError;
use componentd::{Host, Manifest, StartError, check_manifest, default_capabilities};

use super::client::Client;
use super::files::root;

/// Starts what the text says.
///
/// # Panics
/// It cannot be started.
pub async fn start(manifest: &str) -> Host {
    try_start(manifest).await.unwrap_or_else(|error| panic!("{error}\n{manifest}"))
}

/// A manifest with all that the capabilities of a host make of it.
///
/// # Errors
/// What is wrong with it.
pub fn parse(path: &Path, text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Manifest, ConfigError> {
    let manifest = Manifest::parse(path, text, env)?;
    check_manifest(&manifest, &default_capabilities())?;
    Ok(manifest)
}

pub async fn try_start(manifest: &str) -> Result<Host, StartError> {
    let manifest = Manifest::parse(&root().join("test.toml"), manifest, &|_| None)?;
    Host::start(manifest).await
}

/// A client of one of its services.
pub fn client(host: &Host, service: &str) -> Client {
    Client::new(host.address(service).unwrap())
}

/// What the admin ports of tests ask for, where they are of other processes.
pub const TOKEN: &str = "for-tests";

/// A table for a manifest, so that the host has an admin port.
pub const ADMIN: &str = "[admin]\ntoken = 'for-tests'\nlisten = '127.0.0.1:0'\n";

/// A client of the admin port.
pub fn admin(host: &Host) -> Client {
    Client::of_admin(host.admin_address().unwrap(), host.admin_token().unwrap())
}

/// How many invocations of a service ended so, as the admin port says.
pub async fn invocations(admin: &Client, service: &str, outcome: &str) -> u64 {
    outcomes(admin, service).await.get(outcome).copied().unwrap_or_default()
}

/// How many invocations of a service ended in each way that any has ended in.
pub async fn outcomes(admin: &Client, service: &str) -> BTreeMap<String, u64> {
    let start = format!("componentd_invocations_total{{service=\"{service}\",outcome=\"");
    let metrics = admin.get("/metrics").await;
    let lines = metrics.text().lines().filter_map(|line| line.strip_prefix(&start)?.split_once("\"} "));
    lines.map(|(outcome, count)| (outcome.to_owned(), count.parse().unwrap())).collect()
}

/// The value of a measurement with its labels, as the admin port shows it, if it does.
pub async fn metric(admin: &Client, name_and_labels: &str) -> Option<f64> {
    let metrics = admin.get("/metrics").await;
    let value = |line: &str| line.strip_prefix(name_and_labels)?.trim().parse().ok();
    metrics.text().lines().find_map(value)
}

/// A port that nobody listens on. Below the range that the kernel gives to outgoing connections, so that none of the
/// tests' own takes it in the meantime.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 10_000 + u16::try_from(std::process::id() % 20_000).unwrap();
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
