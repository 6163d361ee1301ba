//! The commands that ask a running host, by its admin port.

use std::path::Path;

use http::Method;
use serde_json::Value;

use super::CommandError;
use crate::admin::client::AdminClient;
use crate::config::Manifest;
use crate::error::StartError;
use crate::loader;

pub(super) async fn status(manifest: &Path, json: bool) -> Result<(), CommandError> {
    let services = client(manifest)?.ask(Method::GET, "/services", Vec::new()).await?;
    show(&services, json, |service| {
        let ready = if service["ready"] == true { "ready" } else { "not ready" };
        let (calls, failures) = (&service["invocations"], &service["failures"]);
        format!(
            "{:<20} {}  {ready}  {calls} calls, {failures} failed",
            text(&service["name"]),
            short(&service["version"])
        )
    });
    Ok(())
}

pub(super) async fn swap(manifest: &Path, json: bool, service: &str, component: &Path) -> Result<(), CommandError> {
    let client = client(manifest)?;
    let bytes = loader::read(component).await.map_err(|e| StartError::load(service, e))?;
    eprintln!("{service}: checking, compiling, probing {} …", component.display());
    let swapped = client.ask(Method::POST, &format!("/services/{service}/versions"), bytes.to_vec()).await?;
    show(&swapped, json, live);
    Ok(())
}

pub(super) async fn rollback(
    manifest: &Path,
    json: bool,
    service: &str,
    version: Option<&str>,
) -> Result<(), CommandError> {
    let to = version.map(|version| format!("?to={version}")).unwrap_or_default();
    let path = format!("/services/{service}/rollback{to}");
    let swapped = client(manifest)?.ask(Method::POST, &path, Vec::new()).await?;
    show(&swapped, json, live);
    Ok(())
}

pub(super) async fn history(manifest: &Path, json: bool, service: &str) -> Result<(), CommandError> {
    let entries = client(manifest)?.ask(Method::GET, &format!("/services/{service}/history"), Vec::new()).await?;
    show(&entries, json, |entry| {
        let (at, by) = (text(&entry["at"]), text(&entry["by"]));
        format!("{at}  {}  by {by:<8}  {}", short(&entry["version"]), outcome(&entry["outcome"]))
    });
    Ok(())
}

pub(super) async fn ready(manifest: &Path) -> Result<(), CommandError> {
    client(manifest)?.ask(Method::GET, "/readyz", Vec::new()).await.map_err(CommandError::NotReady)?;
    println!("ready");
    Ok(())
}

fn client(manifest: &Path) -> Result<AdminClient, CommandError> {
    let manifest = Manifest::load(manifest)?;
    Ok(AdminClient::new(&manifest.admin.ok_or(CommandError::NoAdminPort)?))
}

/// A line for each, or for the only one.
fn show(value: &Value, json: bool, line: impl Fn(&Value) -> String) {
    if json {
        println!("{value}");
        return;
    }
    match value.as_array() {
        Some(values) => values.iter().for_each(|value| println!("{}", line(value))),
        None => println!("{}", line(value)),
    }
}

fn live(swapped: &Value) -> String {
    format!("{}: {} is live", text(&swapped["service"]), short(&swapped["version"]))
}

fn outcome(outcome: &Value) -> String {
    if let Some(rejected) = outcome.get("rejected") {
        return format!("rejected, not {}: {}", text(&rejected["step"]), text(&rejected["reason"]));
    }
    match outcome.get("rolled-back") {
        Some(rolled_back) => format!("rolled back: {}", text(&rolled_back["reason"])),
        None => text(outcome).to_owned(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// As the log has it: 12 digits.
fn short(version: &Value) -> &str {
    let version = text(version);
    version.get(.."sha256:".len() + 12).unwrap_or(version)
}
